package front_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gnomon/front"
	"gnomon/reactor"
)

func TestServe_LimitsBodies(t *testing.T) {
	s := serve(t, front.Options{MaxRuntimeBody: 3000, MaxControlBody: 200})
	chunk := func(n int) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", n, strings.Repeat("x", n)) }
	for _, tc := range []struct {
		name, raw string
		status    int
		errorName string
	}{
		{"runtime, just right", "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n" + strings.Repeat("x", 3000), 200, ""},
		{"runtime", "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: 3001\r\n\r\n", 400, "ValidationError"},
		{"runtime, expecting", "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: 3001\r\n\r\n", 400, "ValidationError"},
		{"runtime, chunked", "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(3001), 400, "ValidationError"},
		{"control, just right", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200\r\n\r\n" + strings.Repeat("x", 200), 200, ""},
		{"control", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 201\r\n\r\n", 413, "RequestEntityTooLargeException"},
		{"console", "POST /console/ HTTP/1.1\r\nHost: a\r\nContent-Length: 201\r\n\r\n", 413, "RequestEntityTooLargeException"},
		{"header", "GET / HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat("x", 20<<10) + "\r\n\r\n", 431, "MalformedHttpRequestException"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, body, header, closed := s.send(t, tc.raw)
			if status != tc.status || header.Get("x-amzn-errortype") != tc.errorName || status != 200 && !closed {
				t.Errorf("got %d %s, closed %v", status, body, closed)
			}
		})
	}
	s.wantRefused(t, map[string]int64{"body": 5, "header": 1})
}

// wantRefused wants so many requests counted as refused by reason, and none by any other.
func (s *running) wantRefused(t *testing.T, want map[string]int64) {
	t.Helper()
	for reason, n := range s.Stats().Refused {
		if n != want[reason] {
			t.Errorf("%d requests were refused for %s, want %d", n, reason, want[reason])
		}
	}
}

func TestServe_LetsARefusedClientFinish(t *testing.T) {
	s := serve(t, front.Options{MaxRuntimeBody: 1 << 10})
	c := s.dial(t)
	const n = 16 << 20
	if _, err := fmt.Fprintf(c, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", n, strings.Repeat("x", n)); err != nil {
		t.Errorf("many clients look for an answer only after they have sent everything: %v", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 400 {
		t.Errorf("got %v, %v", resp, err)
	}
}

func TestServe_ChargesAnnouncedBodies(t *testing.T) {
	const mib = 1 << 20
	s := serve(t, front.Options{BodyBudget: 25 * mib})
	var waiting []net.Conn
	for range 10 { // each announces 10 MiB and sends nothing: two fit
		c := s.dial(t)
		fmt.Fprintf(c, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", 10*mib)
		waiting = append(waiting, c)
	}
	refused := make(chan int, len(waiting))
	for _, c := range waiting {
		go func() {
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err == nil {
				refused <- resp.StatusCode
			}
		}()
	}
	for range 8 {
		if status := <-refused; status != 503 {
			t.Errorf("got %d", status)
		}
	}
	s.wantRefused(t, map[string]int64{"body_budget": 8})
	if n := s.Stats().BodyBytes; n < 19*mib || n > 25*mib {
		t.Errorf("%d bytes are charged", n)
	}
	if status, _, _, _ := s.send(t, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"); status != 200 {
		t.Errorf("a small request got %d", status)
	}
	for _, c := range waiting {
		c.Close()
	}
	eventually(t, "everything is given back", func() bool { return s.Stats().BodyBytes == 0 })
}

// TestServe_ChargesAnswersForSlowReaders has clients that read nothing of answers which are larger than what sockets take.
func TestServe_ChargesAnswersForSlowReaders(t *testing.T) {
	const clients, size, budget = 6, 40 << 20, 100 << 20 // sockets take less than half of one
	answer := make([]byte, size)
	var answered atomic.Int64
	s := serve(t, front.Options{BodyBudget: budget, Runtime: func(_ *reactor.Loop, _ front.Request, caller front.Caller) {
		caller.Answer(200, nil, answer)
		answered.Add(1)
	}})
	var open []net.Conn
	for range clients {
		c := s.dial(t)
		io.WriteString(c, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
		open = append(open, c)
	}
	eventually(t, "all are answered", func() bool { return answered.Load() == clients })
	now := s.Stats()
	s.wantRefused(t, map[string]int64{"body_budget": int64(clients - now.Connections)})
	if now.BodyBytes > budget || now.Connections < 2 || now.Connections == clients {
		t.Errorf("%d bytes are held for %d of %d clients", now.BodyBytes, now.Connections, clients)
	}
	whole := 0
	for _, c := range open {
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
			if n, err := io.Copy(io.Discard, resp.Body); err == nil && n == size {
				whole++
			}
		}
		c.Close()
	}
	if whole != now.Connections {
		t.Errorf("%d answers are whole, want those of the %d clients that were not cut off", whole, now.Connections)
	}
	eventually(t, "everything is given back", func() bool { return s.Stats().BodyBytes == 0 })
}

func TestServe_ChargesChunkedBodies(t *testing.T) {
	s := serve(t, front.Options{BodyBudget: 1 << 20})
	c := s.dial(t)
	go func() {
		io.WriteString(c, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
		chunk := "400\r\n" + strings.Repeat("x", 1024) + "\r\n"
		for range 4 << 10 {
			if _, err := io.WriteString(c, chunk); err != nil {
				return
			}
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 503 {
		t.Errorf("got %v, %v", resp, err)
	}
	eventually(t, "everything is given back", func() bool { return s.Stats().BodyBytes == 0 })
}

func TestServe_GivesChargesBackAfterEachRequest(t *testing.T) {
	s := serve(t, front.Options{})
	for _, path := range []string{"/endpoints/e", "/"} {
		c := s.dial(t)
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", path, 500<<10, strings.Repeat("x", 500<<10))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("got %v, %v", resp, err)
		}
		io.Copy(io.Discard, resp.Body)
		eventually(t, "everything is given back", func() bool { return s.Stats().BodyBytes == 0 })
	}
}

func TestServe_TimesOutSlowClients(t *testing.T) {
	s := serve(t, front.Options{HeaderTimeout: 50 * time.Millisecond, BodyTimeout: 50 * time.Millisecond, IdleTimeout: 50 * time.Millisecond})
	for name, raw := range map[string]string{
		"header":          "POST /endpoints/e HTTP/1.1\r\nHo",
		"body":            "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab",
		"body of control": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab",
	} {
		t.Run(name, func(t *testing.T) {
			if status, body, _, closed := s.send(t, raw); status != 408 || !closed {
				t.Errorf("got %d %s, closed %v", status, body, closed)
			}
		})
	}
	s.wantRefused(t, map[string]int64{"timeout": 3})
	t.Run("idle", func(t *testing.T) {
		c := s.dial(t)
		io.WriteString(c, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\n\r\n")
		if all, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 200") {
			t.Errorf("%v, %q", err, all)
		}
	})
}

func TestServe_CountsHandedConnectionsToo(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, front.Options{MaxConnections: 2, Control: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-release
	})})
	for range 2 {
		c := s.dial(t)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	c := s.dial(t)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 503 || !json.Valid(b) {
		t.Errorf("got %d %s, %v", resp.StatusCode, b, err)
	}
	s.wantRefused(t, map[string]int64{"connections": 1})
	close(release)
	eventually(t, "places are free again", func() bool { return s.Stats().Connections == 0 })
}

func TestServe_KeepsNoLargeBodiesWithIdleConnections(t *testing.T) {
	const conns, size = 20, 4 << 20
	s := serve(t, front.Options{Runtime: func(_ *reactor.Loop, _ front.Request, caller front.Caller) { caller.Answer(200, nil, nil) }})
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // the pools' second chance
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	body := strings.Repeat("x", size)
	before := heap()
	for range conns {
		c := s.dial(t)
		fmt.Fprintf(c, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", size, body)
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != 200 {
			t.Fatalf("got %v, %v", resp, err)
		}
	}
	if after := heap(); after > before+conns*size/4 {
		t.Errorf("%d idle connections hold %d MiB", conns, (after-before)>>20)
	}
}

func TestServe_LetsOthersHaveTheirTurn(t *testing.T) {
	var turn uint64
	var n, most atomic.Int64
	s := serve(t, front.Options{Runtime: func(l *reactor.Loop, _ front.Request, caller front.Caller) {
		if l.Turn() != turn {
			turn = l.Turn()
			n.Store(0)
		}
		most.Store(max(most.Load(), n.Add(1)))
		caller.Answer(200, nil, nil)
	}})
	c := s.dial(t)
	var reading sync.WaitGroup
	reading.Go(func() { io.Copy(io.Discard, c) })
	block := strings.Repeat("POST /endpoints/e HTTP/1.1\r\nHost: a\r\n\r\n", 1000)
	for until := time.Now().Add(2 * time.Second); time.Now().Before(until); {
		if _, err := io.WriteString(c, block); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	reading.Wait()
	if most.Load() > 16 { // eight for an event and eight that were put off
		t.Errorf("%d requests of one client were begun in one turn", most.Load())
	}
}

func TestServe_DoesNotWaitForARequestBehindAnEmptyLine(t *testing.T) {
	s := serve(t, front.Options{HeaderTimeout: 50 * time.Millisecond})
	c := s.dial(t)
	br := bufio.NewReader(c)
	for range 2 {
		io.WriteString(c, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi\r\n")
		resp, err := http.ReadResponse(br, nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("got %v, %v", resp, err)
		}
		io.Copy(io.Discard, resp.Body)
		<-time.After(200 * time.Millisecond)
	}
	s.stop()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}
