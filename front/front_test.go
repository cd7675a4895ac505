package front_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gnomon/front"
	"gnomon/reactor"

	"github.com/google/go-cmp/cmp"
)

// A running server, and how it ended.
type running struct {
	*front.Server
	addr  string
	stop  context.CancelFunc
	ended chan error
}

// serve runs a server until the test ends. Its runtime says what it saw; so does its control plane, unless given.
func serve(t testing.TB, opts front.Options) *running {
	t.Helper()
	opts.Log = slog.New(slog.DiscardHandler)
	if opts.Runtime == nil {
		opts.Runtime = func(_ *reactor.Loop, q front.Request, caller front.Caller) {
			caller.Answer(200, nil, fmt.Appendf(nil, "runtime %s %s %q", q.Head.Method, q.Head.Target, q.Body))
		}
	}
	if opts.Control == nil {
		opts.Control = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "control %s %s %q %v", r.Method, r.RequestURI, b, err)
		})
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if opts.Loops, err = reactor.NewGroup(2); err != nil {
		t.Fatal(err)
	}
	looping, endLoops := context.WithCancel(context.Background())
	ctx, cancel := context.WithCancel(context.Background())
	s := &running{Server: front.New(opts), addr: ln.Addr().String(), stop: cancel, ended: make(chan error, 1)}
	var parts sync.WaitGroup
	parts.Go(func() { opts.Loops.Run(looping) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ended <- s.Serve(ctx, ln)
	}()
	t.Cleanup(func() { cancel(); <-done; endLoops(); parts.Wait() })
	return s
}

// dial connects; what is read from it fails after some seconds.
func (s *running) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c
}

// send writes raw bytes and returns the first answer, and whether the connection was closed after it.
func (s *running) send(t testing.TB, raw string) (status int, body string, header http.Header, closed bool) {
	t.Helper()
	c := s.dial(t)
	io.WriteString(c, raw)
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatalf("no answer to %q: %v", raw, err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !resp.Close {
		return resp.StatusCode, string(b), resp.Header, false
	}
	_, err = br.ReadByte()
	return resp.StatusCode, string(b), resp.Header, err != nil
}

var uuidText = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestServe_SendsEachPathToItsSide(t *testing.T) {
	s := serve(t, front.Options{})
	for _, tc := range []struct{ name, raw, want string }{
		{"runtime", "POST /endpoints/e/invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", `runtime POST /endpoints/e/invocations "hi"`},
		{"runtime, path as sent", "POST /endpoints/a%2Fb//?x=%20 HTTP/1.1\r\nHost: a\r\n\r\n", `runtime POST /endpoints/a%2Fb//?x=%20 ""`},
		{"runtime, chunked", "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", `runtime POST /endpoints/e "hi"`},
		{"runtime, expecting", "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", `runtime POST /endpoints/e "hi"`},
		{"control", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", `control POST / "hi" <nil>`},
		{"control, path as sent", "GET //x/../%2e?y HTTP/1.1\r\nHost: a\r\n\r\n", `control GET //x/../%2e?y "" <nil>`},
		{"control, chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n", `control POST / "hi" <nil>`},
		{"control, chunked and empty", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", `control POST / "" <nil>`},
		{"control, GET with a body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", `control GET / "hi" <nil>`},
		{"not quite the runtime", "GET /endpoints HTTP/1.1\r\nHost: a\r\n\r\n", `control GET /endpoints "" <nil>`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, body, header, _ := s.send(t, tc.raw)
			if diff := cmp.Diff(tc.want, body); diff != "" || status != 200 {
				t.Errorf("status %d, body (-want +got):\n%s", status, diff)
			}
			if id := header.Get("x-amzn-RequestId"); !uuidText.MatchString(id) {
				t.Errorf("request id %q", id)
			}
		})
	}
}

func TestServe_TellsClientsToContinue(t *testing.T) {
	s := serve(t, front.Options{})
	for _, path := range []string{"/endpoints/e", "/"} {
		c := s.dial(t)
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", path)
		br := bufio.NewReader(c)
		if line, err := br.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("%s: got %q, %v", path, line, err)
		}
		br.ReadString('\n')
		io.WriteString(c, "hi")
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || !strings.Contains(string(b), `"hi"`) {
			t.Errorf("%s: got %d %q", path, resp.StatusCode, b)
		}
	}
}

func TestServe_KeepsHeadersAndAddressOnTheWayToControl(t *testing.T) {
	s := serve(t, front.Options{Control: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%q %q %s %q", r.Header["X-A"], r.Host, r.Proto, r.Header["Expect"])
		if !strings.HasPrefix(r.RemoteAddr, "127.0.0.1:") {
			fmt.Fprint(w, r.RemoteAddr)
		}
	})})
	_, body, _, closed := s.send(t, "GET / HTTP/1.1\r\nHost: some.where\r\nX-A: 1\r\nx-a:  2 \r\n\r\n")
	if want := `["1" "2"] "some.where" HTTP/1.1 []`; body != want || !closed {
		t.Errorf("got %s, closed %v; want %s", body, closed, want)
	}
}

func TestServe_KeepsRuntimeConnections(t *testing.T) {
	s := serve(t, front.Options{})
	c := s.dial(t)
	br := bufio.NewReader(c)
	ids := make(map[string]bool)
	for range 3 {
		io.WriteString(c, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		ids[resp.Header.Get("x-amzn-RequestId")] = true
	}
	io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != 200 || !resp.Close {
		t.Errorf("control on a connection of the runtime: %v, %v", resp, err)
	}
	if len(ids) != 3 {
		t.Errorf("request ids repeat: %v", ids)
	}
}

func TestServe_CancelsControlWhenTheClientLeaves(t *testing.T) {
	left := make(chan error, 1)
	s := serve(t, front.Options{Control: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		left <- r.Context().Err()
	})})
	c := s.dial(t)
	io.WriteString(c, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "HTTP/1.1 200 OK\r\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	c.Close()
	select {
	case err := <-left:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the handler was not told")
	}
}

func TestServe_ContainsPanics(t *testing.T) {
	s := serve(t, front.Options{
		Runtime: func(*reactor.Loop, front.Request, front.Caller) { panic("runtime") },
		Control: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/late" {
				io.WriteString(w, "half")
				w.(http.Flusher).Flush()
			}
			panic("control")
		}),
	})
	for _, path := range []string{"/endpoints/e", "/"} {
		status, body, header, closed := s.send(t, "POST "+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
		if status != 500 || body != `{"__type":"InternalFailure"}` || !closed || !uuidText.MatchString(header.Get("x-amzn-RequestId")) {
			t.Errorf("%s: %d %s, closed %v", path, status, body, closed)
		}
	}
	resp, err := http.Get("http://" + s.addr + "/late")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("half an answer looks like a whole one")
	}
}

func TestServe_RefusesShapesThatServersReadDifferently(t *testing.T) {
	s := serve(t, front.Options{})
	for name, tail := range map[string]string{
		"length and coding":         "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
		"coding and length":         "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n1\r\na\r\n0\r\n\r\n",
		"two lengths, equal":        "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
		"two lengths":               "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"list of lengths":           "Content-Length: 1, 1\r\n\r\na",
		"signed length":             "Content-Length: +1\r\n\r\na",
		"negative length":           "Content-Length: -1\r\n\r\na",
		"empty length":              "Content-Length:\r\n\r\n",
		"space before colon":        "Content-Length : 1\r\n\r\na",
		"space in name":             "Content-Length: 1\r\nTransfer Encoding: chunked\r\n\r\na",
		"two codings":               "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
		"identity":                  "Transfer-Encoding: identity\r\n\r\n",
		"identity and length":       "Transfer-Encoding: identity\r\nContent-Length: 1\r\n\r\na",
		"other coding":              "Transfer-Encoding: xchunked\r\n\r\n",
		"list of codings":           "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"bare LF":                   "X-A: b\nContent-Length: 1\r\n\r\na",
		"bare LF at the end":        "X-A: b\r\n\nContent-Length: 1\r\n\r\n",
		"bare CR":                   "X-A: b\rContent-Length: 5\r\n\r\n",
		"NUL":                       "X-A: b\x00c\r\n\r\n",
		"folding":                   "X-A: b\r\n c\r\n\r\n",
		"folding of a coding":       "Transfer-Encoding:\r\n chunked\r\nContent-Length: 1\r\n\r\na",
		"folding with a tab":        "X-A: b\r\n\tc\r\n\r\n",
		"no colon":                  "X-A\r\n\r\n",
		"no name":                   ": b\r\n\r\n",
		"second host":               "Host: b\r\n\r\n",
		"chunks with bare LF":       "Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n",
		"chunk size in C":           "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
		"chunk size that overflows": "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\na\r\n0\r\n\r\n",
		"chunk longer than said":    "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
		"very many lines":           strings.Repeat("a:\r\n", 200) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/endpoints/e", "/"} {
				status, body, _, closed := s.send(t, "POST "+path+" HTTP/1.1\r\nHost: a\r\n"+tail)
				var shape struct{ Type, Message string }
				json.Unmarshal([]byte(strings.Replace(body, "__type", "Type", 1)), &shape)
				if status != 400 || !closed || shape.Type != "MalformedHttpRequestException" || shape.Message == "" {
					t.Errorf("%s: got %d %s, closed %v", path, status, body, closed)
				}
			}
		})
	}
	for name, raw := range map[string]string{
		"no host":            "POST /endpoints/e HTTP/1.1\r\nA: b\r\n\r\n",
		"coding in HTTP/1.0": "POST /endpoints/e HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"not HTTP":           "hello there, how are you\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if status, body, _, closed := s.send(t, raw); status != 400 || !closed {
				t.Errorf("got %d %s, closed %v", status, body, closed)
			}
		})
	}
}

func TestServe_ReadsNothingBehindARefusedRequest(t *testing.T) {
	s := serve(t, front.Options{})
	c := s.dial(t)
	io.WriteString(c, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+
		"POST /endpoints/smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
	all, err := io.ReadAll(c)
	if err != nil || strings.Contains(string(all), "smuggled") || strings.Count(string(all), "HTTP/1.1 ") != 1 {
		t.Errorf("%v, %s", err, all)
	}
}

func TestServe_DrainsUnusedConnections(t *testing.T) {
	s := serve(t, front.Options{HeaderTimeout: time.Hour})
	s.dial(t)
	eventually(t, "the connection is open", func() bool { return s.Stats().Connections == 1 })
	s.stop()
	if err := <-s.ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestServe_DrainsBothSides(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	wait := func() { entered <- struct{}{}; <-release }
	s := serve(t, front.Options{
		Runtime: func(l *reactor.Loop, _ front.Request, caller front.Caller) {
			go func() { wait(); l.Post(func() { caller.Answer(200, nil, []byte("done")) }) }()
		},
		Control: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { wait(); io.WriteString(w, "done") }),
	})
	bodies := make(chan string, 2)
	for _, path := range []string{"/endpoints/e", "/"} {
		c := s.dial(t)
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: a\r\n\r\n", path)
		<-entered
		go func() {
			all, _ := io.ReadAll(c)
			bodies <- string(all)
		}()
	}
	s.stop()
	eventually(t, "the listener is closed", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(release)
	for range 2 {
		if b := <-bodies; !strings.HasSuffix(b, "done") || !strings.Contains(b, "Connection: close\r\n") {
			t.Errorf("got %q", b)
		}
	}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

func TestServe_CutsOffWhatDoesNotEnd(t *testing.T) {
	entered := make(chan struct{})
	s := serve(t, front.Options{DrainTimeout: 50 * time.Millisecond, Control: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	})})
	c := s.dial(t)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-entered
	s.stop()
	if err := <-s.ended; err == nil {
		t.Error("nothing is said of the connection that was cut off")
	}
}

// A request may come on a kept connection while the server is told to end. Whoever closes it then must look first.
func TestServe_DrainsRequestsThatAreThere(t *testing.T) {
	loops := make(chan *reactor.Loop, 1)
	s := serve(t, front.Options{Runtime: func(l *reactor.Loop, _ front.Request, caller front.Caller) {
		select {
		case loops <- l:
		default:
		}
		caller.Answer(200, nil, []byte("done"))
	}})
	c := s.dial(t)
	br := bufio.NewReader(c)
	request := "POST /endpoints/e HTTP/1.1\r\nHost: a\r\n\r\n"
	io.WriteString(c, request)
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 200 {
		t.Fatalf("got %v, %v", resp, err)
	}
	br.Discard(len("done"))
	l, release := <-loops, make(chan struct{})
	l.Post(func() { <-release })
	s.stop()
	eventually(t, "the listener is closed", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	<-time.After(50 * time.Millisecond) // the loop is asked for what is at rest, behind what holds it up
	io.WriteString(c, request)
	<-time.After(150 * time.Millisecond)
	close(release)
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 200 || !resp.Close {
		t.Errorf("got %v, %v", resp, err)
	}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

// Clients that call again and again have their next request on its way when the last one has been answered.
func TestServe_DrainsBusyClients(t *testing.T) {
	for range 20 {
		s := serve(t, front.Options{})
		var calling sync.WaitGroup
		for range 4 {
			c := s.dial(t)
			calling.Go(func() {
				br := bufio.NewReader(c)
				for n := 0; ; n++ {
					io.WriteString(c, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\n\r\n")
					resp, err := http.ReadResponse(br, nil)
					if err != nil {
						t.Errorf("request %d: %v", n, err)
						return
					}
					if io.Copy(io.Discard, resp.Body); resp.Close {
						return
					}
				}
			})
		}
		<-time.After(5 * time.Millisecond)
		s.stop()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
		calling.Wait()
	}
}

// A connection may be accepted the moment before the listener closes.
func TestServe_DrainsWhatWasAcceptedLast(t *testing.T) {
	for range 100 {
		s := serve(t, front.Options{})
		var calling sync.WaitGroup
		for range 4 {
			calling.Go(func() {
				for {
					c, err := net.Dial("tcp", s.addr)
					if err != nil {
						return
					}
					io.WriteString(c, "POST /endpoints/e HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
					io.Copy(io.Discard, c)
					c.Close()
				}
			})
		}
		<-time.After(5 * time.Millisecond)
		s.stop()
		err := <-s.ended
		if n := s.Stats().Connections; err != nil || n != 0 {
			t.Fatalf("%d connections are left after the end, %v", n, err)
		}
		calling.Wait()
	}
}

// eventually returns once what others do has made ok true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in 10 s: %s", what)
		}
	}
}
