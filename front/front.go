// Package front is the listener: one port, on which the control plane, the runtime, the console and the rest meet.
//
// Start at [Server.Serve]. A fasthttp server reads every request, and every request passes handle.go. What is under
// /endpoints/ is answered on the spot by the [Runtime]; whatever else there is, is handed with its connection to an
// ordinary net/http server (handoff.go), because only that one gives handlers contexts, server-sent events and panics
// that stay within one connection. framing.go refuses the shapes of requests on which two servers could disagree, and
// conn.go holds each connection to its limits of memory and time.
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
	"time"

	"github.com/valyala/fasthttp"
)

// A Runtime answers one request under /endpoints/, into ctx.Response. The id is the request's, in the text form of a
// UUID; it is already in the answer's x-amzn-RequestId header. Neither ctx nor id may be used after the call.
type Runtime func(ctx *fasthttp.RequestCtx, id []byte)

// Options are what a [Server] needs and its limits. A limit of zero means the default.
type Options struct {
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
	fast    *fasthttp.Server
	std     *http.Server
	handoff *handoff
	conns   *conns
}

// New returns a server that has not started.
func New(opts Options) *Server {
	opts = opts.withDefaults()
	s := &Server{opts: opts, conns: newConns(opts)}
	s.fast = &fasthttp.Server{
		Handler:        s.handle,
		ErrorHandler:   s.unreadable,
		HeaderReceived: s.limits,
		Logger:         fastLogger{opts.Log},

		ReadBufferSize:     opts.MaxHeader,
		MaxRequestBodySize: opts.MaxControlBody,
		ReadTimeout:        opts.HeaderTimeout,
		IdleTimeout:        opts.IdleTimeout,
		Concurrency:        opts.MaxConnections + 1, // conns refuses earlier, and in AWS's shape

		CloseOnShutdown:              true,
		KeepHijackedConns:            true,
		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		SecureErrorLogMessage:        true,
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
// cuts off what is left: the error says so. A server serves once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	s.handoff = newHandoff(ln.Addr())
	ended := make(chan error, 2)
	go func() { ended <- s.fast.Serve(s.conns.listen(ln)) }()
	go func() { ended <- s.std.Serve(s.handoff) }()
	select {
	case <-ctx.Done():
		err := s.drain()
		return errors.Join(err, s.join(ended, 2))
	case err := <-ended:
		return errors.Join(err, s.drain(), s.join(ended, 1))
	}
}

func (s *Server) join(ended <-chan error, n int) error {
	var all error
	for range n {
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// drain ends the two servers in the order in which requests pass through them.
func (s *Server) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.DrainTimeout)
	defer cancel()
	err := s.shutdown(ctx)
	s.handoff.Close()
	err = errors.Join(err, s.std.Shutdown(ctx))
	if n := s.conns.cut(); n > 0 {
		return errors.Join(fmt.Errorf("drain: %d connections cut off", n), err, s.std.Close())
	}
	return nil
}

// shutdown ends fasthttp's part. Connections that were opened for nothing do not hold it up.
func (s *Server) shutdown(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var closing sync.WaitGroup
	closing.Go(func() {
		look := time.NewTicker(unusedLook)
		defer look.Stop()
		for ctx.Err() == nil {
			s.conns.closeUnused()
			select {
			case <-ctx.Done():
			case <-look.C:
			}
		}
	})
	err := s.fast.ShutdownWithContext(ctx)
	cancel()
	closing.Wait()
	return err
}

// Connections is the number of client connections that are open.
func (s *Server) Connections() int { return int(s.conns.open.Load()) }

// BodyBytes is how much of the BodyBudget is in use.
func (s *Server) BodyBytes() int64 { return s.conns.budget.used.Load() }

// fastLogger passes on what fasthttp has to say. It is about single connections that strangers opened, so it is not
// worth more than Debug.
type fastLogger struct{ log *slog.Logger }

func (l fastLogger) Printf(format string, args ...any) {
	l.log.Debug("connection", "what", fmt.Sprintf(format, args...))
}
