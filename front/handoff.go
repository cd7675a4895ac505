package front

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/valyala/fasthttp"
)

// hand gives the request and its connection to the net/http server.
func (s *Server) hand(ctx *fasthttp.RequestCtx, c *conn) {
	again := replay(ctx)
	shed(ctx)
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(rest net.Conn) {
		c.handed = true
		s.handoff.give(&replayed{Conn: rest, r: io.MultiReader(again, rest)})
	})
}

// replay returns the bytes of a request that was read already. What is left out would make the second server wait for
// something that has happened: the client has been told to continue.
func replay(ctx *fasthttp.RequestCtx) *bytes.Buffer {
	h, body := &ctx.Request.Header, ctx.Request.Body()
	var b bytes.Buffer
	b.Grow(len(h.RawHeaders()) + len(body) + 256)
	fmt.Fprintf(&b, "%s %s %s\r\n", h.Method(), h.RequestURI(), h.Protocol())
	chunked := false
	for line := range bytes.Lines(h.RawHeaders()) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		chunked = chunked || equalFold(name, "transfer-encoding")
		if !equalFold(name, "expect") {
			b.Write(line)
		}
	}
	switch {
	case !chunked:
		b.Write(body)
	case len(body) == 0:
		b.WriteString("0\r\n\r\n")
	default:
		fmt.Fprintf(&b, "%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	return &b
}

// replayed is a connection that reads what was read of it before, and then on.
type replayed struct {
	net.Conn
	r io.Reader
}

func (c *replayed) Read(p []byte) (int, error) { return c.r.Read(p) }

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
		w.Header().Set(string(headerID), string(id[:]))
		watched := &watchedWriter{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				s.opts.Log.Error("handler panicked", "request", string(id[:]), "panic", v, "stack", string(debug.Stack()))
			}
			if watched.began {
				panic(http.ErrAbortHandler) // the client must not take half an answer for a whole one
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("x-amzn-errortype", "InternalFailure")
			w.WriteHeader(http.StatusInternalServerError)
			w.Write(fault{name: "InternalFailure"}.json())
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
