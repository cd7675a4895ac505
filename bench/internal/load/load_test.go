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
	return answeringEach(t, func(_ net.Conn, first string) string { return f(first) })
}

// answeringEach is answering by what f says about a connection's requests.
func answeringEach(t *testing.T, f func(c net.Conn, first string) string) string {
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
					answer := f(c, string(m.First))
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

// send sends a plan by n callers.
func send(t *testing.T, address string, n int, p Plan) (Result, error) {
	callers := NewCallers(address, n)
	defer callers.Close()
	return callers.Send(t.Context(), p)
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

func get(path, want string) Request {
	return Request{Wire: []byte("GET " + path + " HTTP/1.1\r\n\r\n"), Want: []byte(want)}
}

func TestSend_OpenLoopSendsExactlySoMany(t *testing.T) {
	address := answering(t, func(string) string { return ok })
	for _, n := range []int{1, 7, 20} {
		p := Plan{Requests: []Request{get("/", "hi")}, Rate: 1000, For: time.Duration(n) * time.Millisecond}
		r, err := send(t, address, 3, p)
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
	p := Plan{Requests: []Request{get("/", "hi")}, Rate: 1000, For: 5 * time.Millisecond}
	r, err := send(t, address, 1, p)
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	if last := r.Samples[4]; last.Took < 5*takes-4*time.Millisecond {
		t.Errorf("the last request had waited for four others and took %v", last.Took)
	}
}

func TestSend_ClosedLoop(t *testing.T) {
	address := answering(t, func(string) string { return ok })
	p := Plan{Requests: []Request{get("/", "hi")}, For: 20 * time.Millisecond}
	r, err := send(t, address, 2, p)
	if err != nil || r.Err() != nil || len(r.Samples) < 2 || r.Took < p.For || r.Rate() <= 0 {
		t.Errorf("%d requests in %v, %v, %v", len(r.Samples), r.Took, err, r.Err())
	}
}

func TestSend_RestsBetweenBursts(t *testing.T) {
	address := answering(t, func(string) string { return ok })
	p := Plan{Requests: []Request{get("/", "hi")}, For: 50 * time.Millisecond, Burst: 3, Rest: 10 * time.Millisecond}
	r, err := send(t, address, 2, p)
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
		Rate: 1000, For: 10 * time.Millisecond,
		Requests: []Request{get("/", "hi"), get("/wrong", "hi"), get("/error", "hi"), get("/end", "hi"), get("/garbage", "hi")},
	}
	r, err := send(t, address, 1, p)
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
	p := Plan{Requests: []Request{get("/", "hi")}, Rate: 1000, For: 5 * time.Millisecond, Limit: 30 * time.Millisecond}
	r, err := send(t, address, 1, p)
	if failed, _ := r.Failed(); err != nil || failed != 5 {
		t.Errorf("%d failed, %v", failed, err)
	}
}

func TestSend_RefusesNothing(t *testing.T) {
	one := Plan{Requests: []Request{get("/", "hi")}, For: time.Second}
	for name, c := range map[string]struct {
		callers int
		plan    Plan
	}{"requests": {1, Plan{For: time.Second}}, "callers": {0, one}, "time": {1, Plan{Requests: one.Requests}}} {
		if _, err := NewCallers("127.0.0.1:1", c.callers).Send(t.Context(), c.plan); err == nil {
			t.Errorf("without %s there is no error", name)
		}
	}
}

func TestCallers_KeepTheirConnections(t *testing.T) {
	const n = 2
	var connections sync.Map
	address := answeringEach(t, func(c net.Conn, _ string) string { connections.Store(c, true); return ok })
	callers := NewCallers(address, n)
	defer callers.Close()
	for range 3 {
		r, err := callers.Send(t.Context(), Plan{Requests: []Request{get("/", "hi")}, Rate: 1000, For: 20 * time.Millisecond})
		if err != nil || r.Err() != nil {
			t.Fatal(err, r.Err())
		}
	}
	count := 0
	connections.Range(func(any, any) bool { count++; return true })
	if count == 0 || count > n {
		t.Errorf("%d callers made %d connections", n, count)
	}
}
