// Command demo runs a whole shadow test on this machine, from two model artifacts to a promotion, and prints what it
// does. It starts a Gnomon of its own and speaks to it as anyone would: through the AWS SDK for Go.
//
// Start at story in story.go. server.go starts and ends the Gnomon, traffic.go sends the requests.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	here := "."
	if exe, err := os.Executable(); err == nil {
		here = filepath.Dir(exe)
	}
	var o options
	flag.StringVar(&o.gnomon, "gnomon", filepath.Join(here, "gnomon"), "the gnomon binary")
	flag.StringVar(&o.server, "model-server", filepath.Join(here, "modelserver"), "the model server binary")
	flag.StringVar(&o.models, "models", filepath.Join(here, "models"), "folder with linear.tar.gz and trees.tar.gz")
	flag.StringVar(&o.dir, "dir", "", "folder for the demo's data; empty: a temporary one that is removed")
	flag.IntVar(&o.requests, "requests", 4000, "how many requests to send")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// options are what the demo runs on.
type options struct {
	gnomon, server, models, dir string
	requests                    int
}

func run(ctx context.Context, o options) error {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "gnomon-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	g, err := startGnomon(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(story(ctx, o, g), g.stop())
}
