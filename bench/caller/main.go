// Command caller sends the request that it reads from its standard input over and over, at a rate, until it is ended: for
// benchmarks that need an ordinary caller beside the one that they measure with.
//
// Usage:
//
//	caller -address HOST:PORT -rate 2000 [-callers 32]
//
// It prints a line once the first requests have been answered, and fails when one is not.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"gnomon/bench/internal/load"
)

func main() {
	address := flag.String("address", "", "who is asked")
	rate := flag.Float64("rate", 0, "requests per second")
	callers := flag.Int("callers", 32, "connections")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Stdin, *address, *rate, *callers); err != nil {
		fmt.Fprintln(os.Stderr, "caller:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, from io.Reader, address string, rate float64, callers int) error {
	if address == "" || rate <= 0 || callers < 1 {
		return fmt.Errorf("address %q, rate %v and callers %d: there must be an address, and the others must be positive", address, rate, callers)
	}
	request, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	all := load.NewCallers(address, callers)
	defer all.Close()
	plan := load.Plan{Requests: []load.Request{{Wire: request}}, Rate: rate, For: 100 * time.Millisecond}
	for first := true; ; first = false {
		result, err := all.Send(ctx, plan)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case result.Err() != nil:
			return result.Err()
		case first:
			fmt.Println("sending")
			plan.For = time.Second
		}
	}
}
