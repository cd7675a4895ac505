package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// maxBody is the most that SageMaker's documentation lets a request carry.
const maxBody = 25 << 20

// server answers, badly.
type server struct {
	log      *slog.Logger
	faults   faults
	stopping <-chan struct{}
	pings    atomic.Int64
	refuse   chan struct{} // closed when the ping that "refuse" allows last is answered
	orphan   *atomic.Int64 // process id of the grandchild, 0 without one
}

// invocation is one request as an answer sees it.
type invocation struct {
	*http.Request
	body []byte
	v    value           // of the fault that answers
	stop <-chan struct{} // the server is ending
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", s.ping)
	mux.HandleFunc("GET /pid", func(w http.ResponseWriter, r *http.Request) {
		s.describe(w, invocation{Request: r})
	})
	name := s.faults.answer()
	answer := s.answers()[name]
	mux.HandleFunc("POST /invocations", func(w http.ResponseWriter, r *http.Request) {
		if s.faults.has("log-requests") {
			s.log.Info("request", "id", r.Header.Get("X-Amzn-RequestId"))
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		in := invocation{Request: r, body: body, v: s.faults[name], stop: s.stopping}
		switch {
		case s.faults.chance("fail-one-in"):
			status500(w, in)
			return
		case s.faults.chance("differ-one-in"):
			in.body = []byte(`{"differs":true}`)
		}
		answer(w, in)
	})
	return mux
}

func (s *server) answers() map[string]func(http.ResponseWriter, invocation) {
	return map[string]func(http.ResponseWriter, invocation){
		"none":      echo,
		"describe":  s.describe,
		"slow":      slow,
		"hang":      hang,
		"reset":     reset,
		"status500": status500,
		"garbage":   func(w http.ResponseWriter, in invocation) { raw(w, garbage(in.body)) },
		"surplus":   surplus,
		"truncate":  truncate,
		"endless":   endless,
		"drip":      drip,
		"stream":    stream,
		"huge":      huge,
		"work":      work,
	}
}

func (s *server) ping(w http.ResponseWriter, _ *http.Request) {
	n := s.pings.Add(1)
	after, limited := s.faults["unhealthy-after"]
	if s.faults.has("never-healthy") || limited && n > after.count {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if last, ok := s.faults["refuse"]; ok && n == last.count {
		close(s.refuse)
	}
}

// echo is the honest answer that the faults spoil.
func echo(w http.ResponseWriter, in invocation) {
	contentType := in.Header.Get("Content-Type")
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(in.body)))
	w.Write(in.body) // a caller that is gone is nobody's loss
}

func slow(w http.ResponseWriter, in invocation) {
	in.wait(in.v.span)
	echo(w, in)
}

func hang(_ http.ResponseWriter, in invocation) {
	in.wait(math.MaxInt64)
}

func status500(w http.ResponseWriter, in invocation) {
	w.WriteHeader(http.StatusInternalServerError)
	w.Write(in.body)
}

// endless floods as fast as the caller reads.
func endless(w http.ResponseWriter, in invocation) {
	block := bytes.Repeat([]byte("endless "), 4096)
	for {
		in.goOn()
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// drip sends a whole and correct answer one byte at a time.
func drip(w http.ResponseWriter, in invocation) {
	w.Header().Set("Content-Length", strconv.Itoa(len(in.body)))
	for _, b := range in.body {
		in.wait(in.v.span)
		if _, err := w.Write([]byte{b}); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
	}
}

// stream sends ten chunks, as a model that generates would: no fault, but
// something to test streaming with.
func stream(w http.ResponseWriter, in invocation) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i := range 10 {
		if i > 0 {
			in.wait(in.v.span)
		}
		if _, err := fmt.Fprintf(w, "data: {\"chunk\":%d}\n\n", i); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
	}
}

// huge announces its size and sends it.
func huge(w http.ResponseWriter, in invocation) {
	w.Header().Set("Content-Length", strconv.FormatInt(in.v.count, 10))
	block := bytes.Repeat([]byte("h"), 1<<16)
	for left := in.v.count; left > 0; left -= int64(len(block)) {
		in.goOn()
		if _, err := w.Write(block[:min(left, int64(len(block)))]); err != nil {
			return
		}
	}
}

// work keeps two processors busy for a fixed amount of work, so that the time
// it takes tells how many it had.
func work(w http.ResponseWriter, in invocation) {
	begin := time.Now()
	var both sync.WaitGroup
	for i := range 2 {
		both.Go(func() {
			sum := [sha256.Size]byte{byte(i)}
			for range in.v.count * 1000 {
				sum = sha256.Sum256(sum[:])
			}
		})
	}
	both.Wait()
	writeJSON(w, map[string]any{
		"elapsed_ms": float64(time.Since(begin).Microseconds()) / 1000,
		"processors": runtime.GOMAXPROCS(0),
	})
}

// describe tells what the process was given and how it stands.
func (s *server) describe(w http.ResponseWriter, in invocation) {
	d := describeProcess()
	d.Grandchild = s.orphan.Load()
	d.Headers = in.Header
	d.Body = string(in.body)
	writeJSON(w, d)
}

func writeJSON(w http.ResponseWriter, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Faultserver-Pid", strconv.Itoa(os.Getpid()))
	w.Write(text)
}

// The answers below go past net/http, which would not let them be wrong.

func reset(w http.ResponseWriter, _ invocation) {
	conn := hijack(w)
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Without lingering, Close sends RST instead of FIN.
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

func garbage(body []byte) []byte {
	return append([]byte("\x00\xff\x16\x03 this is no HTTP \r\n\r\n"), body...)
}

// surplus sends a second answer that nobody asked for, on a connection that
// looks fit for the next request.
func surplus(w http.ResponseWriter, in invocation) {
	const extra = "surplus"
	conn := hijack(w)
	defer conn.Close()
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(in.body), in.body)
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(extra), extra)
	// Whoever reuses the connection is kept waiting for a real answer.
	io.Copy(io.Discard, conn)
}

// truncate announces one byte more than it sends, and closes.
func truncate(w http.ResponseWriter, in invocation) {
	raw(w, fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(in.body)+1, in.body))
}

func raw(w http.ResponseWriter, answer []byte) {
	conn := hijack(w)
	defer conn.Close()
	conn.Write(answer)
}

func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err) // only HTTP/2 cannot, and this server does not speak it
	}
	return conn
}

// wait lets d pass. When the caller leaves or the server ends meanwhile, it does
// not return but breaks the connection off: returning would make what was sent
// so far look like a whole answer.
func (in invocation) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-in.Context().Done():
	case <-in.stop:
	case <-timer.C:
		return
	}
	panic(http.ErrAbortHandler)
}

// goOn is wait for those who never pause.
func (in invocation) goOn() {
	select {
	case <-in.Context().Done():
	case <-in.stop:
	default:
		return
	}
	panic(http.ErrAbortHandler)
}
