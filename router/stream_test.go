package router_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"gnomon"
	"gnomon/http1"
	"gnomon/reactor"
	"gnomon/router"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/google/go-cmp/cmp"
)

const streamPath = "/endpoints/e/invocations-response-stream"

// A frame is one message of an event stream.
type frame struct{ kind, payload string }

// stream asks for a streamed answer. What it returns reads the next message; a clean end is io.EOF.
func (s *system) stream(t testing.TB, body string) (*http.Response, func() (frame, error)) {
	t.Helper()
	resp, err := s.client.Post("http://"+s.addr+streamPath, "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	decoder := eventstream.NewDecoder()
	return resp, func() (frame, error) {
		m, err := decoder.Decode(resp.Body, nil)
		if err != nil {
			return frame{}, err
		}
		kind := m.Headers.Get(":event-type")
		if m.Headers.Get(":message-type").String() == "exception" {
			kind = m.Headers.Get(":exception-type")
		}
		return frame{kind.String(), string(m.Payload)}, nil
	}
}

// rest reads a stream to its end.
func rest(t testing.TB, next func() (frame, error)) (parts string, exceptions []frame) {
	t.Helper()
	for {
		f, err := next()
		switch {
		case err == io.EOF:
			return parts, exceptions
		case err != nil:
			t.Errorf("the stream breaks: %v", err)
			return parts, exceptions
		case f.kind == "PayloadPart":
			parts += f.payload
		default:
			exceptions = append(exceptions, f)
		}
	}
}

// told is a model that sends what it is told, chunk by chunk.
func told(t testing.TB, say <-chan string) string {
	return model(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for text := range say {
			if text == "break" {
				panic(http.ErrAbortHandler)
			}
			io.WriteString(w, text)
			w.(http.Flusher).Flush()
		}
	})
}

func TestStream_SendsEachPartAsItComes(t *testing.T) {
	say := make(chan string)
	s := newSystem(t, router.Options{})
	s.Publish(routes(told(t, say)))
	go func() { say <- "one" }()
	resp, next := s.stream(t, "x")
	if f, err := next(); err != nil || f != (frame{"PayloadPart", "one"}) {
		t.Fatalf("%v, %v", f, err) // and the model has not even begun the next
	}
	go func() { say <- "two"; close(say) }()
	if parts, exceptions := rest(t, next); parts != "two" || exceptions != nil {
		t.Errorf("%q, %v", parts, exceptions)
	}
	want := map[string]string{"Content-Type": "application/vnd.amazon.eventstream", "X-Amzn-Sagemaker-Content-Type": "text/event-stream", "X-Amzn-Invoked-Production-Variant": "main"}
	for name, value := range want {
		if got := resp.Header.Get(name); got != value {
			t.Errorf("%s is %q", name, got)
		}
	}
	eventually(t, "the leg is recorded", func() bool { return s.counts.legs(plainSeries()).n.Load() == 1 })
	if l := s.counts.legs(plainSeries()).latest(); l.Chunks != 2 || l.FirstChunk <= 0 || l.Streaming <= 0 || l.Broken || l.AnswerBytes != 6 {
		t.Errorf("%+v", l)
	}
}

func TestStream_TakesEveryFraming(t *testing.T) {
	for name, answer := range map[string]string{
		"length":        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"chunks":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
		"until closing": "HTTP/1.1 200 OK\r\n\r\nhello",
		"nothing":       "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"no chunk":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, router.Options{})
			s.Publish(routes(raw(t, func(c net.Conn, br *bufio.Reader) {
				take(br)
				io.WriteString(c, answer)
			})))
			_, next := s.stream(t, "x")
			want := "hello"
			if strings.HasPrefix(name, "no") {
				want = ""
			}
			if parts, exceptions := rest(t, next); parts != want || exceptions != nil {
				t.Errorf("%q, %v", parts, exceptions)
			}
		})
	}
}

func TestStream_SaysThatTheModelBrokeOff(t *testing.T) {
	say := make(chan string, 2)
	say <- "one"
	say <- "break"
	s := newSystem(t, router.Options{})
	s.Publish(routes(told(t, say)))
	_, next := s.stream(t, "x")
	parts, exceptions := rest(t, next)
	want := []frame{{"ModelStreamError", `{"Message":"The model broke off in the middle of its answer.","ErrorCode":"StreamBroken"}`}}
	if diff := cmp.Diff(want, exceptions, cmp.AllowUnexported(frame{})); diff != "" || parts != "one" {
		t.Errorf("%q (-want +got):\n%s", parts, diff)
	}
	if l := s.counts.legs(plainSeries()).latest(); !l.Broken || l.Fault != gnomon.FaultConnection {
		t.Errorf("%+v", l)
	}
}

func TestStream_EndsInTime(t *testing.T) {
	say := make(chan string, 1)
	defer close(say)
	say <- "one"
	s := newSystem(t, router.Options{StreamTimeout: 50 * time.Millisecond})
	s.Publish(routes(told(t, say)))
	_, next := s.stream(t, "x")
	parts, exceptions := rest(t, next)
	if parts != "one" || len(exceptions) != 1 || !strings.Contains(exceptions[0].payload, "ModelInvocationTimeExceeded") {
		t.Errorf("%q, %v", parts, exceptions)
	}
}

func TestStream_ErrorsBeforeItAreModelErrors(t *testing.T) {
	s := newSystem(t, router.Options{})
	s.Publish(routes(model(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		io.WriteString(w, "bad input")
	})))
	got := s.do(t, "POST", streamPath, "x")
	if f := failureOf(t, got); got.status != 424 || f.Type != "ModelError" || f.OriginalMessage != "bad input" {
		t.Errorf("%d %+v", got.status, f)
	}
}

func TestStream_LetsGoOfTheModelWhenTheCallerLeaves(t *testing.T) {
	left := make(chan struct{})
	s := newSystem(t, router.Options{})
	s.Publish(routes(model(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "one")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(left)
	})))
	resp, next := s.stream(t, "x")
	if _, err := next(); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Fatal("the model still answers")
	}
	eventually(t, "nothing is under way", func() bool { return s.InFlight(instance("main", 0)) == 0 })
	if n := s.counts.legs(plainSeries()).n.Load(); n != 1 {
		t.Errorf("%d legs", n)
	}
}

// A caller that does not read must not make the router hold what the model sends.
func TestStream_WaitsForASlowCaller(t *testing.T) {
	const size = 64 << 20
	var sent counter
	s := newSystem(t, router.Options{})
	s.Publish(routes(model(t, func(w http.ResponseWriter, _ *http.Request) {
		block := make([]byte, 1<<16)
		for range size / len(block) {
			if _, err := w.Write(block); err != nil {
				return
			}
			sent.add(int64(len(block)))
		}
	})))
	_, next := s.stream(t, "x")
	sent.settled(t)
	if n := sent.n.Load(); n > size/2 {
		t.Errorf("%d bytes were taken for a caller that reads none", n)
	}
	total := 0
	for {
		f, err := next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		total += len(f.payload)
	}
	if total != size {
		t.Errorf("%d bytes of %d", total, size)
	}
}

func TestStream_ShadowsAreStreamedToo(t *testing.T) {
	say := make(chan string, 3)
	for i := range 3 {
		say <- fmt.Sprint(i)
	}
	close(say)
	broken := make(chan string, 2)
	broken <- "one"
	broken <- "break"
	s := newSystem(t, router.Options{})
	r := mirrored(routes(model(t, echo)), 1, told(t, say))
	s.Publish(r)
	_, next := s.stream(t, "x")
	if parts, exceptions := rest(t, next); parts != "echo:x" || exceptions != nil {
		t.Errorf("%q, %v", parts, exceptions)
	}
	m := s.counts.mirror("m")
	m.wait(t)
	if l := s.counts.legs(shadeSeries()).latest(); l.Chunks == 0 || l.AnswerBytes != 3 || l.FirstChunk <= 0 {
		t.Errorf("%+v", l)
	}
	s.Publish(mirrored(routes(model(t, echo)), 1, told(t, broken)))
	_, next = s.stream(t, "x")
	rest(t, next)
	m.wait(t)
	if diff := cmp.Diff(map[gnomon.Bucket]int64{gnomon.BucketMirrored: 1, gnomon.BucketShadowUnreachable: 1}, m.tally()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A turns is a caller that counts what is sent to it in each turn of its loop.
type turns struct {
	loop   *reactor.Loop
	source router.Source
	turn   uint64
	n      int
	most   int
	ended  chan struct{}
}

func (c *turns) Answer(int, []byte, []byte) { close(c.ended) }
func (c *turns) Stream(_ int, _ []byte, source router.Source) bool {
	c.source = source
	return true
}
func (c *turns) Send(_, _, _ []byte) bool {
	if turn := c.loop.Turn(); turn != c.turn {
		c.turn, c.n = turn, 0
	}
	c.n++
	c.most = max(c.most, c.n)
	return true
}
func (c *turns) End() { close(c.ended) }

// A model that sends as fast as it is read has its part of each turn of the loop, however long it goes on.
func TestStream_LetsOthersHaveTheirTurn(t *testing.T) {
	s, l := quiet(t, routes(raw(t, func(c net.Conn, br *bufio.Reader) {
		take(br)
		io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		block := make([]byte, 1<<20)
		for err, until := error(nil), time.Now().Add(2*time.Second); err == nil && time.Now().Before(until); _, err = c.Write(block) {
		}
	})))
	head := new(http1.Request)
	if _, err := head.Parse([]byte("POST "+streamPath+" HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"), 1<<10); err != nil {
		t.Fatal(err)
	}
	c := &turns{loop: l, ended: make(chan struct{})}
	l.Post(func() {
		s.Begin(l, router.Request{ID: []byte("0f6a1a52-3c5e-4a0c-9a2b-1d2e3f405162"), Head: head, Body: []byte("x")}, c)
	})
	<-c.ended
	if c.most > 8 { // four for an event and four that were put off
		t.Errorf("read %d times in one turn", c.most)
	}
}

// What a model says to an error is told in short, however long it goes on.
func TestStream_KeepsOnlyTheBeginningOfAnError(t *testing.T) {
	const size = 64 << 20
	said, end := make(chan struct{}), make(chan struct{})
	s := newSystem(t, router.Options{})
	s.Publish(routes(raw(t, func(c net.Conn, br *bufio.Reader) {
		take(br)
		io.WriteString(c, "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n")
		chunk := "800\r\n" + strings.Repeat("x", 2048) + "\r\n"
		for range size / 2048 / 32 {
			if _, err := io.WriteString(c, strings.Repeat(chunk, 32)); err != nil {
				break
			}
		}
		close(said)
		<-end
		io.WriteString(c, "0\r\n\r\n")
	})))
	before := heap()
	done := make(chan answer, 1)
	go func() { done <- s.do(t, "POST", streamPath, "x") }()
	<-said
	if after := heap(); after > before+size/4 {
		t.Errorf("%d MiB are kept", (after-before)>>20)
	}
	close(end)
	if got := <-done; got.status != 424 || len(failureOf(t, got).OriginalMessage) != 2048 {
		t.Errorf("%d, %d bytes", got.status, len(got.body))
	}
}
