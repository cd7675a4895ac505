// Command modelserver is a small real model server that keeps SageMaker's
// container contract: GET /ping is 200 once the model is loaded, POST
// /invocations answers JSON or CSV, SIGTERM ends it gracefully.
//
//	modelserver [serve] [--host H] [--port N] [--model-dir DIR]
//
// Start at run. The command knows nothing of who calls it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"gnomon/examples/container"
	"gnomon/examples/model"
)

func main() {
	log := container.Logger(os.Stderr)
	flags := flag.NewFlagSet("modelserver", flag.ContinueOnError)
	options, err := container.Parse(flags, os.Args[1:], os.Getenv)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
		defer stop()
		err = run(ctx, options, log)
	}
	if err != nil {
		log.Error("modelserver ends", "error", err)
		os.Exit(1)
	}
}

// run listens at once, so that a ping is answered (with 503) while the model is
// read, and serves until ctx ends.
func run(ctx context.Context, o container.Options, log *slog.Logger) error {
	l, err := container.Listen(o)
	if err != nil {
		return err
	}
	return serve(ctx, l, o.ModelDir, log)
}

// serve closes l. A model that cannot be read ends it: a container that can
// never answer should be seen to fail, not be waited for.
func serve(ctx context.Context, l net.Listener, dir string, log *slog.Logger) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	s := newServer(log)
	served := make(chan error, 1)
	go func() { served <- container.Serve(ctx, l, s, log) }()
	m, err := model.Open(dir)
	if err != nil {
		stop(err)
		return errors.Join(err, <-served)
	}
	s.load(m)
	log.Info("model loaded", "model", m.Name, "features", m.Features, "labels", fmt.Sprint(m.Labels))
	return <-served
}
