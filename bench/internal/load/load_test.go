package load

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"gnomon/bench/internal/wire"
)

// answering returns the address of a server that answers a request after reading it, by what f says.
func answering(t *testing.T, f func(first string) string) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				br := bufio.NewReader(c)
				for {
					m, err := wire.Read(br, nil, io.Discard)
					if err != nil {
						return
					}
					answer := f(string(m.First))
					if answer == "" {
						return
					}
					io.WriteString(c, answer)
				}
			})
		}
	})
	t.Cleanup(func() { ln.Close(); serving.Wait() })
	return ln.Addr().String()
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

func get(path, want string) Request {
	return Request{Wire: []byte("GET " + path + " HTTP/1.1\r\n\r\n"), Want: []byte(want)}
}

func TestSend_OpenLoopSendsExactlySoMany(t *testing.T) {
	address := answering(t, func(string) string { return ok })
	for _, n := range []int{1, 7, 20} {
		p := Plan{Address: address, Requests: []Request{get("/", "hi")}, Callers: 3, Rate: 1000, For: time.Duration(n) * time.Millisecond}
		r, err := p.Send(t.Context())
		if err != nil || r.Err() != nil || len(r.Samples) != n || len(r.Latencies()) != n {
			t.Fatalf("%d of %d requests, %v, %v", len(r.Samples), n, err, r.Err())
		}
		for at, s := range r.Samples {
			if want := time.Duration(at) * time.Millisecond; s.Due != want || s.Took <= 0 {
				t.Errorf("request %d was due at %v, not %v, and took %v", at, s.Due, want, s.Took)
			}
		}
		if least := time.Duration(n-1) * time.Millisecond; r.Took < least {
			t.Errorf("%d requests at 1000/s took %v", n, r.Took)
		}
	}
}

// TestSend_CountsFromWhenARequestWasDue has one connection and answers that take longer than the requests are apart.
func TestSend_CountsFromWhenARequestWasDue(t *testing.T) {
	const takes = 20 * time.Millisecond
	address := answering(t, func(string) string { <-time.After(takes); return ok })
	p := Plan{Address: address, Requests: []Request{get("/", "hi")}, Callers: 1, Rate: 1000, For: 5 * time.Millisecond}
	r, err := p.Send(t.Context())
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	if last := r.Samples[4]; last.Took < 5*takes-4*time.Millisecond {
		t.Errorf("the last request had waited for four others and took %v", last.Took)
	}
}

func TestSend_ClosedLoop(t *testing.T) {
	address := answering(t, func(string) string { return ok })
	p := Plan{Address: address, Requests: []Request{get("/", "hi")}, Callers: 2, For: 20 * time.Millisecond}
	r, err := p.Send(t.Context())
	if err != nil || r.Err() != nil || len(r.Samples) < 2 || r.Took < p.For || r.Rate() <= 0 {
		t.Errorf("%d requests in %v, %v, %v", len(r.Samples), r.Took, err, r.Err())
	}
}

func TestSend_RestsBetweenBursts(t *testing.T) {
	address := answering(t, func(string) string { return ok })
	p := Plan{Address: address, Requests: []Request{get("/", "hi")}, Callers: 2, For: 50 * time.Millisecond, Burst: 3, Rest: 10 * time.Millisecond}
	r, err := p.Send(t.Context())
	if err != nil || r.Err() != nil || len(r.Samples) < 3 || len(r.Samples) > 18 {
		t.Fatalf("%d requests, %v, %v", len(r.Samples), err, r.Err())
	}
	for at := 3; at < len(r.Samples); at += 3 {
		if rest := r.Samples[at].Due - r.Samples[at-1].Due; rest < p.Rest {
			t.Errorf("%v between requests %d and %d", rest, at-1, at)
		}
	}
}

func TestSend_CountsFailures(t *testing.T) {
	address := answering(t, func(first string) string {
		switch {
		case strings.Contains(first, "/wrong"):
			return strings.ReplaceAll(ok, "hi", "ho")
		case strings.Contains(first, "/error"):
			return "HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nwhy?"
		case strings.Contains(first, "/end"):
			return ""
		case strings.Contains(first, "/garbage"):
			return "garbage\r\n\r\n"
		}
		return ok
	})
	p := Plan{
		Address: address, Callers: 1, Rate: 1000, For: 10 * time.Millisecond,
		Requests: []Request{get("/", "hi"), get("/wrong", "hi"), get("/error", "hi"), get("/end", "hi"), get("/garbage", "hi")},
	}
	r, err := p.Send(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if failed, wrong := r.Failed(); failed != 6 || wrong != 2 || len(r.Latencies()) != 4 {
		t.Errorf("%d failed, %d wrong: %+v", failed, wrong, r.Samples)
	}
	if err := r.Samples[2].Err; err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "why?") {
		t.Errorf("the error is %v", err)
	}
	if r.Err() == nil {
		t.Error("there is no error")
	}
}

func TestSend_GivesUpWhenTheLimitIsOver(t *testing.T) {
	never := make(chan struct{})
	address := answering(t, func(string) string { <-never; return "" })
	t.Cleanup(func() { close(never) }) // before the server's end, which waits for it
	p := Plan{Address: address, Requests: []Request{get("/", "hi")}, Callers: 1, Rate: 1000, For: 5 * time.Millisecond, Limit: 30 * time.Millisecond}
	r, err := p.Send(t.Context())
	if failed, _ := r.Failed(); err != nil || failed != 5 {
		t.Errorf("%d failed, %v", failed, err)
	}
}

func TestSend_RefusesNothing(t *testing.T) {
	if _, err := (Plan{Callers: 1, For: time.Second}).Send(t.Context()); err == nil {
		t.Error("there is no error")
	}
}
