// Command bench measures what a request costs in Gnomon: processor time of the server's process per request, beside that
// of nginx, at one open-loop rate, in rounds that alternate between them so that a busy machine hurts all alike.
//
// Start at run, which starts everything and goes through the rounds. gnomon.go builds gnomon and makes models, endpoints
// and experiments through its API, as any client would; nginx.go is the same as nginx configuration; model.go is the
// models, this program again in processes of their own; load.go is the generator; ceiling.go has the limits that Gnomon
// is held to, and table.go prints. Nothing here knows more of Gnomon than its command line, its API and how to sign.
//
// Usage:
//
//	go run ./bench [-rate 2000] [-rounds 5] [-for 1s] [-strict] [-nginx PATH] [-gnomon PATH]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	rate     int
	callers  int
	rounds   int
	duration time.Duration
	strict   bool
	nginx    string
	gnomon   string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == modelArgument {
		if err := runModel(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench: model:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.IntVar(&o.rate, "rate", 2000, "requests per second")
	flag.IntVar(&o.callers, "callers", 32, "keep-alive connections")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; each measures every row once")
	flag.DurationVar(&o.duration, "for", time.Second, "how long each measurement takes")
	flag.BoolVar(&o.strict, "strict", false, "fail if a ceiling is missed or cannot be judged")
	flag.StringVar(&o.nginx, "nginx", "", "where nginx is, if not in PATH; its rows are left out if it is nowhere")
	flag.StringVar(&o.gnomon, "gnomon", "", "a gnomon that is built already")
	flag.Parse()
	// A reader of the output that has left must not end the program before it has ended what it started.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	defer cancel()
	if err := o.check(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o options) check() error {
	if o.rate < 1 || o.callers < 1 || o.rounds < 1 || o.requests(o.duration) < 1 || flag.NArg() > 0 {
		return errors.New("rate, callers, rounds and duration must be positive, and there are no arguments beside flags")
	}
	return nil
}

// requests is how many are sent in d.
func (o options) requests(d time.Duration) int { return int(d.Seconds() * float64(o.rate)) }

// errMissed is all that -strict says at the end: the table has said which.
var errMissed = errors.New("a ceiling is missed, or was not judged")

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "gnomon-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	started := &group{}
	defer started.stop()
	rows, err := startRows(ctx, o, dir, started)
	if err != nil {
		return err
	}
	printHead(o)
	for round := range o.rounds {
		for i := range rows {
			// The order turns around, lest one always come after the same other.
			if round%2 == 1 {
				i = len(rows) - 1 - i
			}
			err := rows[i].measure(ctx, o)
			if ctx.Err() != nil {
				return ctx.Err() // and not what came of it: everything is being stopped
			}
			if err != nil {
				return fmt.Errorf("%s: %w", rows[i].name, err)
			}
		}
	}
	printRows(os.Stdout, rows)
	kept := printCeilings(os.Stdout, judge(rows))
	fmt.Printf("\nLoad average at the end: %s.\n", loadAverage())
	if o.strict && !kept {
		return errMissed
	}
	return nil
}

// startRows starts the proxies that there are, and returns the rows in the order of the table. What it has started is
// in the group, also after an error.
func startRows(ctx context.Context, o options, dir string, started *group) ([]*row, error) {
	ours, err := startGnomons(ctx, o, dir, started)
	if err != nil {
		return nil, err
	}
	program, err := findNginx(o.nginx)
	if err != nil {
		fmt.Printf("nginx is missing, so its rows are left out and most ceilings cannot be judged (%v).\n"+
			"Debian and Ubuntu have it in nginx-light; -nginx says where it is.\n\n", err)
		return ours, nil
	}
	theirs, err := startNginx(ctx, program, dir, started)
	if err != nil {
		return nil, err
	}
	return sortRows(append(theirs, ours...)), nil
}
