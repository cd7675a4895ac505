// Package front is the listener: one port, on which the control plane, the runtime, the console and the rest meet.
//
// Start at [Server.Serve]. Connections live on the loops of package reactor; client.go reads requests from them and
// holds them to their limits of memory and time, and writes answers. What is under /endpoints/ is answered on the loop
// by the [Runtime]; whatever else there is, is handed with its connection to an ordinary net/http server (handoff.go),
// because only that one gives handlers contexts, server-sent events and the right to wait. Package http1 refuses the
// shapes of requests on which two servers could disagree.
//
// The package knows nothing of endpoints, signatures or operations.
package front

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"gnomon/http1"
	"gnomon/internal/budget"
	"gnomon/reactor"

	"golang.org/x/sys/unix"
)

// A Runtime begins to answer one request under /endpoints/. It is called on the loop and must not wait; it may answer
// at once or later, on the same loop.
type Runtime func(*reactor.Loop, Request, Caller)

// A Request is one request as it was read.
type Request struct {
	ID    []byte // the text form of a UUID; it is already in the answer's x-amzn-RequestId header
	Head  *http1.Request
	Body  []byte
	Given bool // the runtime may keep all of it, and give the body to the loop then; otherwise all is used again after the call
}

// A Caller takes the answer to a request: Answer once, or Stream, any number of Sends and End. When the client has left
// it takes them and does nothing. Nothing that is handed over is kept.
type Caller interface {
	// Answer sends a whole answer. Fields are header lines ("Name: value\r\n" each), without those of framing.
	Answer(status int, fields, body []byte)

	// Stream begins an answer of unknown length. The source is told when the client takes more again, and if it leaves,
	// but never after End. It reports false if the client has left already; then nothing more is expected.
	Stream(status int, fields []byte, source interface {
		Resume()
		Gone()
	}) bool
	// Send adds to a stream what the parts are together. It reports whether the client takes more at once.
	Send(a, b, c []byte) bool
	// End ends a stream.
	End()
}

// Options are what a [Server] needs and its limits. A limit of zero means the default.
type Options struct {
	Loops   *reactor.Group
	Runtime Runtime
	// Control answers everything outside /endpoints/. The request's id is in the answer's x-amzn-RequestId header when
	// it is called. Connections are not kept alive after it, and each write to the client has WriteTimeout to be
	// taken, whatever deadline the handler sets.
	Control http.Handler
	Log     *slog.Logger

	MaxHeader      int   // bytes of request line and header; 16 KiB
	MaxRuntimeBody int   // bytes; 25 MiB
	MaxControlBody int   // bytes; 1 MiB
	BodyBudget     int64 // bytes of all large bodies being received or worked on; 512 MiB
	MaxConnections int   // open at once; 8192

	HeaderTimeout time.Duration // for a request's header, from its first byte; 10 s
	BodyTimeout   time.Duration // for its body, from the end of the header; 60 s
	IdleTimeout   time.Duration // between two requests on a connection; 75 s
	WriteTimeout  time.Duration // for each write to the client; 60 s
	DrainTimeout  time.Duration // for what is under way when Serve is told to end; 15 s
}

func (o Options) withDefaults() Options {
	o.MaxHeader = cmp.Or(o.MaxHeader, 16<<10)
	o.MaxRuntimeBody = cmp.Or(o.MaxRuntimeBody, 25<<20)
	o.MaxControlBody = cmp.Or(o.MaxControlBody, 1<<20)
	o.BodyBudget = cmp.Or(o.BodyBudget, 512<<20)
	o.MaxConnections = cmp.Or(o.MaxConnections, 8192)
	o.HeaderTimeout = cmp.Or(o.HeaderTimeout, 10*time.Second)
	o.BodyTimeout = cmp.Or(o.BodyTimeout, 60*time.Second)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 75*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 60*time.Second)
	o.DrainTimeout = cmp.Or(o.DrainTimeout, 15*time.Second)
	return o
}

// A Server serves one listener.
type Server struct {
	opts    Options
	lanes   []*lane // by loop
	std     *http.Server
	handoff *handoff
	handing sync.WaitGroup // connections that wait for net/http to take them

	open    atomic.Int64
	bodies  *budget.Budget
	refused [reasons]atomic.Int64
}

// New returns a server that has not started.
func New(opts Options) *Server {
	opts = opts.withDefaults()
	s := &Server{opts: opts, bodies: budget.New(opts.BodyBudget)}
	for _, l := range opts.Loops.Loops() {
		s.lanes = append(s.lanes, &lane{server: s, loop: l, clients: make(map[*client]struct{})})
	}
	s.std = &http.Server{
		Handler:           s.contained(opts.Control),
		ReadHeaderTimeout: opts.HeaderTimeout,
		MaxHeaderBytes:    2 * opts.MaxHeader, // it has been held to MaxHeader before
		ErrorLog:          slog.NewLogLogger(opts.Log.Handler(), slog.LevelWarn),
	}
	s.std.SetKeepAlivesEnabled(false)
	return s
}

// Serve answers requests until ctx ends. It then closes the listener, lets what is under way end for DrainTimeout, and
// cuts off what is left: the error says so. The loops must run meanwhile. A server serves once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	from, err := reactor.Listen(ln)
	if err != nil {
		return errors.Join(fmt.Errorf("serve: %w", err), ln.Close())
	}
	s.handoff = newHandoff(ln.Addr())
	accepting, handling := make(chan error, 1), make(chan error, 1)
	go func() { accepting <- s.accept(from) }()
	go func() { handling <- s.std.Serve(s.handoff) }()
	select {
	case <-ctx.Done():
	case err = <-accepting:
		accepting <- nil
	case err = <-handling:
		handling <- nil
	}
	err = errors.Join(err, from.Close())
	accepted := <-accepting // what came last is given to its loop then, and is looked for there
	err = errors.Join(err, s.drain())
	for _, e := range []error{accepted, <-handling} {
		if !errors.Is(e, http.ErrServerClosed) && !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// accept gives every connection to a loop.
func (s *Server) accept(from *reactor.Listener) error {
	for {
		fd, err := from.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // too many files, mostly: some may be closed in a moment
			s.opts.Log.Warn("accept", "error", err)
			time.Sleep(50 * time.Millisecond)
		case s.open.Add(1) > int64(s.opts.MaxConnections):
			s.open.Add(-1)
			s.refused[tooManyConnections.why].Add(1)
			refuse(fd)
		default:
			l := s.lanes[s.opts.Loops.Next().Index()]
			if !l.loop.Post(func() { l.add(fd) }) {
				s.open.Add(-1)
				unix.Close(fd)
			}
		}
	}
}

// refuse says that there are too many connections. The few bytes fit a fresh connection's send buffer.
func refuse(fd int) {
	body := tooManyConnections.json()
	unix.Write(fd, fmt.Appendf(nil, "HTTP/1.1 %d Service Unavailable\r\nContent-Type: application/json\r\nx-amzn-errortype: %s\r\n"+
		"Connection: close\r\nContent-Length: %d\r\n\r\n%s", tooManyConnections.status, tooManyConnections.name, len(body), body))
	unix.Close(fd)
}

// drainLook is how often it is looked whether anything is under way still.
const drainLook = 5 * time.Millisecond

// drain ends the two sides in the order in which requests pass through them.
func (s *Server) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.DrainTimeout)
	defer cancel()
	look := time.NewTicker(drainLook)
	defer look.Stop()
	for s.onLoops((*lane).drain) > 0 && ctx.Err() == nil {
		<-look.C
	}
	s.handing.Wait()
	s.handoff.Close()
	err := s.std.Shutdown(ctx)
	cut := s.onLoops((*lane).cut)
	if err != nil {
		err = errors.Join(err, s.std.Close())
	}
	if n := s.open.Load(); err != nil || cut > 0 {
		return errors.Join(fmt.Errorf("drain: %d connections cut off", max(n, int64(cut))), err)
	}
	return nil
}

// onLoops calls f on the loop of every lane and returns the sum of what it says.
func (s *Server) onLoops(f func(*lane) int) int {
	counts := make(chan int, len(s.lanes))
	for _, l := range s.lanes {
		if !l.loop.Post(func() { counts <- f(l) }) {
			counts <- 0
		}
	}
	sum := 0
	for range s.lanes {
		sum += <-counts
	}
	return sum
}
