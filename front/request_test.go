package front_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"gnomon/front"
	"gnomon/reactor"
)

// later is a runtime that answers with what it was sent, on a later turn of the loop.
func later(l *reactor.Loop, q front.Request, caller front.Caller) {
	body := fmt.Appendf(nil, "%s %s", q.Head.Target, q.Body)
	go l.Post(func() { caller.Answer(200, nil, body) })
}

// answers reads n answers and returns their bodies.
func answers(t testing.TB, r io.Reader, n int) []string {
	t.Helper()
	br := bufio.NewReader(r)
	var all []string
	for range n {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatalf("after %q: %v", all, err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all
}

func TestServe_AnswersPipelinedRequestsInOrder(t *testing.T) {
	var raw, want string
	for i := range 50 {
		body := strings.Repeat("x", i*7)
		raw += fmt.Sprintf("POST /endpoints/%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", i, len(body), body)
		raw += fmt.Sprintf("POST /endpoints/%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nc\r\n0\r\n\r\n", i)
		want += fmt.Sprintf("|/endpoints/%d %s|/endpoints/%d c", i, body, i)
	}
	for name, step := range map[string]int{"at once": len(raw), "in pieces": 97, "byte by byte": 1} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, front.Options{Runtime: later})
			c := s.dial(t)
			go func() {
				for rest := raw; rest != ""; rest = rest[min(step, len(rest)):] {
					io.WriteString(c, rest[:min(step, len(rest))])
				}
			}()
			if got := "|" + strings.Join(answers(t, c, 100), "|"); got != want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestServe_SpeaksHTTP10(t *testing.T) {
	s := serve(t, front.Options{Runtime: later})
	status, body, _, closed := s.send(t, "POST /endpoints/e HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi")
	if status != 200 || body != "/endpoints/e hi" || !closed {
		t.Errorf("%d %q, closed %v", status, body, closed)
	}
	c := s.dial(t)
	io.WriteString(c, strings.Repeat("POST /endpoints/e HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", 2))
	br := bufio.NewReader(c)
	for range 2 {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(resp.Body); string(b) != "/endpoints/e hi" || resp.Header.Get("Connection") != "keep-alive" {
			t.Errorf("%q %v", b, resp.Header)
		}
	}
}

func TestServe_TakesAbsoluteTargets(t *testing.T) {
	s := serve(t, front.Options{Runtime: later})
	if status, body, _, _ := s.send(t, "POST http://a:1/endpoints/e?q HTTP/1.1\r\nHost: A:1\r\n\r\n"); status != 200 || body != "/endpoints/e?q " {
		t.Errorf("%d %q", status, body)
	}
	if status, _, _, closed := s.send(t, "POST http://b/endpoints/e HTTP/1.1\r\nHost: a\r\n\r\n"); status != 400 || !closed {
		t.Errorf("another host: %d, closed %v", status, closed)
	}
}

func TestServe_DoesNotInviteWhatItWillNotTake(t *testing.T) {
	s := serve(t, front.Options{MaxRuntimeBody: 10})
	if status, _, _, closed := s.send(t, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n"); status != 400 || !closed {
		t.Errorf("%d, closed %v", status, closed)
	}
}

func TestServe_AnswersWhoHasFinishedSending(t *testing.T) {
	s := serve(t, front.Options{Runtime: later})
	c := s.dial(t)
	io.WriteString(c, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
	c.(*net.TCPConn).CloseWrite()
	if got := answers(t, c, 1); got[0] != "/endpoints/e hi" {
		t.Errorf("%q", got)
	}
	eventually(t, "the connection is closed", func() bool { return s.Stats().Connections == 0 })
}

func TestServe_LosesNothingByAClientThatLeaves(t *testing.T) {
	release := make(chan struct{})
	entered := make(chan struct{}, 4)
	s := serve(t, front.Options{Runtime: func(l *reactor.Loop, q front.Request, caller front.Caller) {
		entered <- struct{}{}
		go func() { <-release; l.Post(func() { caller.Answer(200, nil, make([]byte, 1<<20)) }) }()
	}})
	for _, rest := range []int{0, 100 << 10} {
		c := s.dial(t)
		fmt.Fprintf(c, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", 200<<10, strings.Repeat("x", 200<<10-rest))
		if rest == 0 {
			<-entered
		}
		c.Close()
	}
	close(release)
	eventually(t, "everything is given back", func() bool { return s.Stats().Connections == 0 && s.Stats().BodyBytes == 0 })
}

func TestServe_WritesLargeAnswersWhole(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	s := serve(t, front.Options{Runtime: func(l *reactor.Loop, _ front.Request, caller front.Caller) { caller.Answer(200, nil, large) }})
	for range 3 {
		resp, err := http.Post("http://"+s.addr+"/endpoints/e", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(b, large) {
			t.Errorf("%d bytes of %d, %v", len(b), len(large), err)
		}
		resp.Body.Close()
	}
}

func TestServe_CutsOffWhoDoesNotRead(t *testing.T) {
	large := make([]byte, 64<<20)
	s := serve(t, front.Options{WriteTimeout: 100 * time.Millisecond, Runtime: func(l *reactor.Loop, q front.Request, caller front.Caller) {
		if string(q.Head.Target) == "/endpoints/large" {
			caller.Answer(200, nil, large)
			return
		}
		caller.Answer(200, nil, []byte("ok"))
	}})
	c := s.dial(t)
	io.WriteString(c, "POST /endpoints/large HTTP/1.1\r\nHost: a\r\n\r\n")
	eventually(t, "the client is cut off", func() bool {
		if status, body, _, _ := s.send(t, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); status != 200 || body != "ok" {
			t.Fatalf("meanwhile another got %d %q", status, body)
		}
		return s.Stats().Connections == 0
	})
}

func TestServe_LimitsHeadersToTheByte(t *testing.T) {
	s := serve(t, front.Options{MaxHeader: 1000})
	head := func(n int) string {
		before, after := "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nA: ", "\r\n\r\n"
		return before + strings.Repeat("x", n-len(before)-len(after)) + after
	}
	for n, want := range map[int]int{1000: 200, 1001: 431} {
		if status, _, _, _ := s.send(t, head(n)); status != want {
			t.Errorf("%d bytes: %d", n, status)
		}
	}
	lines := func(n int) string {
		return "POST /endpoints/e HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("a:\r\n", n-1) + "\r\n"
	}
	for n, want := range map[int]int{128: 200, 129: 400} {
		if status, _, _, _ := s.send(t, lines(n)); status != want {
			t.Errorf("%d lines: %d", n, status)
		}
	}
}

// Whatever comes, however it is cut up: the server lives, answers in HTTP, and its runtime has seen what net/http sees in
// the same bytes.
func FuzzServe(f *testing.F) {
	for _, raw := range []string{
		"POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiPOST /endpoints/f HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /endpoints/e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
		"POST /endpoints/e HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi",
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		f.Add([]byte(raw), uint8(0))
		f.Add([]byte(raw), uint8(3))
	}
	seen := make(chan string, 1000)
	s := serve(f, front.Options{Runtime: func(_ *reactor.Loop, q front.Request, caller front.Caller) {
		seen <- fmt.Sprintf("%s %s %q", q.Head.Method, q.Head.Target, q.Body)
		caller.Answer(200, nil, nil)
	}})
	f.Fuzz(func(t *testing.T, raw []byte, step uint8) {
		c := s.dial(t)
		defer c.Close()
		go func() {
			size := len(raw)
			if step > 0 {
				size = int(step)
			}
			for rest := raw; len(rest) > 0; rest = rest[min(size, len(rest)):] {
				c.Write(rest[:min(size, len(rest))])
			}
			c.(*net.TCPConn).CloseWrite()
		}()
		for br := bufio.NewReader(c); ; {
			if _, err := br.Peek(1); err != nil {
				break
			}
			resp, err := http.ReadResponse(br, nil)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
			}
			if errors.Is(err, syscall.ECONNRESET) {
				break // net/http does not wait for what comes behind the request that it closes after
			}
			if err != nil {
				t.Fatalf("to %q comes no whole answer: %v", raw, err)
			}
		}
		c.Close()
		eventually(t, "the server has dealt with it", func() bool { return s.Stats().Connections == 0 })
		std := bufio.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\r\n"))))
		for len(seen) > 0 {
			got := <-seen
			r, err := http.ReadRequest(std)
			if err != nil && strings.HasPrefix(err.Error(), "parse ") {
				return // it takes the target apart; here that is for the runtime
			}
			if err != nil {
				t.Fatalf("net/http does not see %s in %q: %v", got, raw, err)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatalf("net/http sees no body of %s in %q: %v", got, raw, err)
			}
			target := r.RequestURI
			if i := strings.Index(target, "://"); i >= 0 {
				target = target[i+3+strings.IndexByte(target[i+3:], '/'):]
			}
			if want := fmt.Sprintf("%s %s %q", r.Method, target, body); got != want {
				t.Fatalf("%q: the runtime saw %s, net/http %s", raw, got, want)
			}
			for b, err := std.Peek(2); err == nil && string(b) == "\r\n"; b, err = std.Peek(2) {
				std.Discard(2) // an empty line before a request
			}
		}
	})
}

func TestServe_AnswersHEADWithoutABody(t *testing.T) {
	s := serve(t, front.Options{Runtime: later})
	c := s.dial(t)
	io.WriteString(c, "HEAD /endpoints/a HTTP/1.1\r\nHost: a\r\n\r\nPOST /endpoints/b HTTP/1.1\r\nHost: a\r\n\r\n")
	br := bufio.NewReader(c)
	for _, method := range []string{"HEAD", "POST"} {
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		b, err := io.ReadAll(resp.Body)
		if want := map[string]string{"POST": "/endpoints/b "}[method]; err != nil || string(b) != want || resp.ContentLength != int64(len("/endpoints/b ")) {
			t.Errorf("%s: %q of %d, %v", method, b, resp.ContentLength, err)
		}
	}
}

func TestServe_ForgivesAnEmptyLineBeforeAControlRequest(t *testing.T) {
	s := serve(t, front.Options{})
	if status, body, _, _ := s.send(t, "\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n"); status != 200 || body != `control GET /x "" <nil>` {
		t.Errorf("%d %q", status, body)
	}
}
