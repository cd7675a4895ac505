// Command faultserver is a model container that misbehaves as told, to test that
// whoever runs it or sends it traffic comes to no harm. Told nothing, it echoes
// each request's body.
//
//	faultserver [serve] [--host H] [--port N] [--model-dir DIR] [--fault LIST]
//
// LIST, or the environment variable FAULT, is a comma-separated list of faults,
// some with a value: slow=200ms,ignore-sigterm. README.md one folder up lists
// them all.
//
// Start at run. answers.go holds the faults of an answer, chores.go those of the
// process. None needs a model.
package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"gnomon/examples/container"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == orphanWord {
		orphan(os.Args[2:])
		return
	}
	log := container.Logger(os.Stderr)
	err := start(log)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Error("faultserver ends", "error", err)
		os.Exit(1)
	}
}

func start(log *slog.Logger) error {
	flags := flag.NewFlagSet("faultserver", flag.ContinueOnError)
	list := flags.String("fault", os.Getenv("FAULT"), "comma-separated faults, each name or name=value")
	options, err := container.Parse(flags, os.Args[1:], os.Getenv)
	if err != nil {
		return err
	}
	faults, err := parseFaults(*list)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if faults.has("ignore-sigterm") {
		signal.Ignore(syscall.SIGTERM)
	} else {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
		defer stop()
	}
	l, err := container.Listen(options)
	if err != nil {
		return err
	}
	return run(ctx, l, faults, log)
}

// run misbehaves until ctx ends, and closes l.
func run(ctx context.Context, l net.Listener, f faults, log *slog.Logger) error {
	ctx, stop := context.WithCancel(ctx)
	s := &server{log: log, faults: f, stopping: ctx.Done(), refuse: make(chan struct{}), orphan: new(atomic.Int64)}
	var chores sync.WaitGroup
	defer chores.Wait()
	defer stop()
	if err := startChores(ctx, &chores, f, s.orphan); err != nil {
		l.Close()
		return err
	}
	if after, ok := f["refuse"]; ok {
		return refuse(ctx, l, s, after.count, log)
	}
	return container.Serve(ctx, l, s.routes(), log)
}

// refuse serves until the pings allowed are answered, then closes the port and
// every connection and lives on.
func refuse(ctx context.Context, l net.Listener, s *server, pings int64, log *slog.Logger) error {
	if pings == 0 {
		log.Info("listening to nobody", "address", l.Addr().String())
		err := l.Close()
		<-ctx.Done()
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	var served sync.WaitGroup
	var err error
	served.Go(func() { err = container.Serve(serving, l, s.routes(), log) })
	select {
	case <-s.refuse:
	case <-ctx.Done():
	}
	stop()
	served.Wait()
	log.Info("the port is closed")
	<-ctx.Done()
	return err
}
