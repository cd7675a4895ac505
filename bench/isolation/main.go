// Command isolation measures what a shadow does to production: latencies in an open loop, every answer compared byte for
// byte, what the server holds in memory, and whether its accounting adds up, with shadows that are well and shadows that
// fail in every way. It fails when a cell of its table does.
//
// A cell is a shadow, a size of bodies and a share of requests that are copied: cell.go. Start at run: it takes the cells
// of one shadow and one size together, and measures them in rounds with the cell "none" of that size between them, in which
// nothing is copied (measure.go). judge.go has the rule by which a cell fails. nginx.go is the same with nginx's mirror, for
// reference.
//
// Usage:
//
//	go run ./bench/isolation [-quick] [-cells 'hang/*/100,*/1KB/*'] [-requests 20000] [-requests-5mb 300] [-rate 1000]
//	    [-rounds 5] [-tolerant] [-nginx PATH] [-gnomon PATH]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"gnomon/bench/internal/testbed"
)

type options struct {
	cells    string
	requests int // per cell
	huge     int // per cell of 5 MB
	rate     float64
	rounds   int
	nginx    string
	gnomon   string
	tolerant bool // latencies are shown and fail no cell
}

// What is run with -quick: the shadows that have something of everybody's to exhaust, in cells of a few seconds.
const (
	quickCells    = "healthy/1KB/100,hang/1KB/100,endless/1KB/100,dies/1KB/100,eat-memory/1KB/100,flood-log/1KB/100,hang/100KB/100"
	quickRequests = 8000
)

func main() {
	var o options
	quick := flag.Bool("quick", false, "a few cells of 8,000 requests in about three minutes, without nginx")
	flag.StringVar(&o.cells, "cells", "*/*/*", "cells, as shadow/body/sampling, with * for any, separated by commas")
	flag.IntVar(&o.requests, "requests", 20000, "requests of a cell")
	flag.IntVar(&o.huge, "requests-5mb", 300, "requests of a cell of 5 MB")
	flag.Float64Var(&o.rate, "rate", 1000, "requests per second of 1 KB; of 100 KB come half, of 5 MB a hundredth")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds in which a cell's requests come")
	flag.StringVar(&o.nginx, "nginx", "", "where nginx is, if not in PATH; \"none\" leaves it out")
	flag.BoolVar(&o.tolerant, "tolerant", false, "latencies fail no cell: for machines that others use at the same time")
	flag.StringVar(&o.gnomon, "gnomon", "", "a gnomon that is built already")
	flag.Parse()
	if *quick {
		o.cells, o.requests, o.nginx = quickCells, quickRequests, "none"
	}
	cells, err := choose(o.cells)
	if err == nil && (o.requests < o.rounds || o.huge < o.rounds || o.rate <= 0 || o.rounds < 2 || flag.NArg() > 0) {
		err = errors.New("requests and rate must be positive, rounds two at least, and there are no arguments beside flags")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "isolation:", err)
		os.Exit(2)
	}
	// A reader of the output that has left must not end the program before it has ended what it started.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	defer cancel()
	if err := run(ctx, o, cells, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "isolation:", err)
		os.Exit(1)
	}
}

// errFailed is all that is said at the end: the table has said which.
var errFailed = errors.New("a cell failed")

func run(ctx context.Context, o options, cells []cell, out io.Writer) (err error) {
	bed, err := testbed.New(ctx, o.gnomon)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bed.Close()) }()
	printHead(out, o, cells)
	results, err := measure(ctx, bed, o, cells, func(some []result) { printResults(out, some) })
	if err != nil {
		return err
	}
	passed := !failed(results)
	if again := doubtful(results); len(again) > 0 && !o.tolerant {
		fmt.Fprintf(out, "\n%d once more, which fail if they are as slow again:\n", len(again))
		passes := func(some []result) { passed = printResults(out, some) && passed }
		if _, err = measure(ctx, bed, o, again, passes); err != nil {
			return err
		}
	}
	if err := measureNginx(ctx, bed, o, cells, out); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nLoad average at the end: %s.\n", testbed.LoadAverage())
	if !passed {
		return errFailed
	}
	return nil
}
