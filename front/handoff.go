package front

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"gnomon/http1"
)

// hand gives the request and its connection to the net/http server.
func (c *client) hand(head, body []byte) {
	s := c.lane.server
	h := &handed{server: s, charged: c.charged, again: replay(head, body, c.head.Length == http1.Chunked)}
	c.charged, c.state = 0, stateClosed
	c.forget()
	conn, err := c.conn.Release()
	if err != nil {
		s.opts.Log.Warn("hand over connection", "error", err)
		h.release()
		return
	}
	h.Conn = conn
	s.handing.Go(func() { s.handoff.give(h) })
}

// replay returns the bytes of a request that was read already. What is left out would make the second server wait for
// something that has happened: the client has been told to continue.
func replay(head, body []byte, chunked bool) *bytes.Buffer {
	b := bytes.NewBuffer(make([]byte, 0, len(head)+len(body)+256))
	head = bytes.TrimPrefix(head, lineEnd) // an empty line before a request is forgiven here, but not there
	for line := range bytes.Lines(head) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		if !http1.EqualFold(name, "expect") {
			b.Write(line)
		}
	}
	switch {
	case !chunked:
		b.Write(body)
	case len(body) == 0:
		b.WriteString("0\r\n\r\n")
	default:
		fmt.Fprintf(b, "%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	return b
}

// A handed connection is net/http's now. It counts among the server's until it is closed.
type handed struct {
	net.Conn
	server  *Server
	again   *bytes.Buffer // what was read before; nil once it has been read again
	charged int64         // to the budget
	closed  atomic.Bool
}

func (c *handed) Read(p []byte) (int, error) {
	if c.again != nil {
		n, err := c.again.Read(p)
		if err == nil {
			return n, nil
		}
		c.again = nil
	}
	return c.Conn.Read(p)
}

func (c *handed) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.server.opts.WriteTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close may be called more than once, and from anywhere.
func (c *handed) Close() error {
	c.release()
	return c.Conn.Close()
}

func (c *handed) release() {
	if c.closed.CompareAndSwap(false, true) {
		c.server.bodies.Give(c.charged)
		c.server.open.Add(-1)
	}
}

// A handoff is the listener on which the net/http server gets its connections.
type handoff struct {
	addr  net.Addr
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newHandoff(addr net.Addr) *handoff {
	return &handoff{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// give hands c over, or closes it if nobody takes connections any more.
func (l *handoff) give(c net.Conn) {
	select {
	case l.conns <- c:
	case <-l.done:
		c.Close()
	}
}

// Accept waits for the next connection.
func (l *handoff) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (l *handoff) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr is the address of the listener that the connections came from.
func (l *handoff) Addr() net.Addr { return l.addr }

// contained gives every request its id and answers in AWS's shape for a handler that panics.
func (s *Server) contained(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var id [36]byte
		newID(&id)
		w.Header().Set("x-amzn-RequestId", string(id[:]))
		watched := &watchedWriter{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				s.opts.Log.Error("handler panicked", "request", string(id[:]), "panic", v, "stack", string(debug.Stack()))
			}
			s.refused[panicked.why].Add(1)
			if watched.began {
				panic(http.ErrAbortHandler) // the client must not take half an answer for a whole one
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("x-amzn-errortype", "InternalFailure")
			w.WriteHeader(http.StatusInternalServerError)
			w.Write(panicked.json())
		}()
		next.ServeHTTP(watched, r)
	})
}

// watchedWriter knows whether an answer has begun.
type watchedWriter struct {
	http.ResponseWriter
	began bool
}

func (w *watchedWriter) WriteHeader(status int) {
	w.began = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	w.began = true
	return w.ResponseWriter.Write(p)
}

// Flush sends what has been written.
func (w *watchedWriter) Flush() {
	w.began = true
	http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is for [http.ResponseController].
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
