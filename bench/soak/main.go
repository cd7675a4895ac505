// Command soak runs a server for a long time at a steady rate, with shadows that fail in turn, each in a way of its own, and
// wants to see nothing of it: no request fails, every answer is production's, every experiment's buckets add up, and what the
// server holds between the experiments does not grow.
//
// Start at run. Requests go on while experiments begin and end.
//
// Usage:
//
//	go run ./bench/soak [-for 20m] [-rate 500] [-gnomon PATH]
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
	"time"

	"gnomon/bench/internal/load"
	"gnomon/bench/internal/testbed"
)

type options struct {
	duration time.Duration
	rate     float64
	gnomon   string
}

func main() {
	var o options
	flag.DurationVar(&o.duration, "for", 20*time.Minute, "how long it takes")
	flag.Float64Var(&o.rate, "rate", 500, "requests per second")
	flag.StringVar(&o.gnomon, "gnomon", "", "a gnomon that is built already")
	flag.Parse()
	if o.duration < 10*time.Second || o.rate <= 0 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "soak: it takes ten seconds at least, the rate must be positive, and there are no arguments beside flags")
		os.Exit(2)
	}
	// A reader of the output that has left must not end the program before it has ended what it started.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	defer cancel()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// errFailed is all that is said at the end: the table has said what.
var errFailed = errors.New("something failed or grew")

func run(ctx context.Context, o options, out io.Writer) (err error) {
	bed, err := testbed.New(ctx, o.gnomon)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bed.Close()) }()
	fmt.Fprintln(out, testbed.Machine())
	fmt.Fprintf(out, "%g requests/s of 1 KB for %v, every one copied; each shadow has %v\n\n", o.rate, o.duration, o.phase())
	r, err := soak(ctx, bed, o, out)
	if ctx.Err() != nil {
		return ctx.Err() // and not what came of it: everything is being stopped
	}
	if err != nil {
		return err
	}
	if !r.print(out) {
		return errFailed
	}
	return nil
}

const (
	endpoint = "e"
	callers  = 32
	kinds    = 16 // of bodies
	size     = 1000
	rest     = time.Second // without a shadow, after each

	// A cycle gives every shadow its turn. What one leaves behind for good is seen only where there is time for the rest to go: connections
	// that nobody uses are closed after a minute, memory is let go of after one, and collected after two more.
	cycle = 200 * time.Second
)

func shadows() []testbed.Shadow {
	return append([]testbed.Shadow{testbed.HealthyShadow()}, testbed.FaultyShadows()...)
}

// phase is how long a shadow has.
func (o options) phase() time.Duration {
	const switching = time.Second // about, to begin and end an experiment
	cycles := max(1, o.duration/cycle)
	return max(o.duration/(cycles*time.Duration(len(shadows())))-switching-rest, time.Second).Round(time.Second)
}

// soak sends for the whole time, and meanwhile begins and ends experiments.
func soak(ctx context.Context, bed *testbed.Bed, o options, out io.Writer) (report, error) {
	server, err := bed.StartGnomon(ctx, testbed.Settings{})
	if err != nil {
		return report{}, err
	}
	if err := server.CreateEndpoint(ctx, endpoint, testbed.Model{Image: testbed.HashImage}, 1); err != nil {
		return report{}, err
	}
	questions, err := testbed.Questions(kinds, size, func(body []byte) ([]byte, error) { return server.Invocation(endpoint, body) })
	if err != nil {
		return report{}, err
	}
	plan := load.Plan{Requests: questions, Rate: o.rate, For: o.duration}
	asking := load.NewCallers(server.Address, callers)
	defer asking.Close()
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	sent := make(chan error, 1)
	var r report
	go func() {
		var err error
		r.load, err = asking.Send(sending, plan)
		sent <- err
	}()
	phases, err := turns(ctx, server, o, out)
	if err != nil {
		cancel()
	}
	sendErr := <-sent // and with it, r.load
	if err == nil {
		err = sendErr
	}
	r.phases = phases
	return r, err
}

// turns lets one shadow after the other fail, until there is no time for another.
func turns(ctx context.Context, server *testbed.Gnomon, o options, out io.Writer) ([]phase, error) {
	var phases []phase
	printHead(out)
	begin := time.Now()
	for longest := o.phase() + rest; time.Since(begin)+longest < o.duration; {
		now := time.Now()
		p, err := turn(ctx, server, o, len(phases))
		if err != nil {
			return nil, err
		}
		p.at = now.Sub(begin)
		p.print(out)
		phases = append(phases, p)
		longest = max(longest, time.Since(now))
	}
	return phases, nil
}

// turn is one phase: an experiment, and a rest in which the server's vitals are taken.
func turn(ctx context.Context, server *testbed.Gnomon, o options, number int) (phase, error) {
	p := phase{shadow: shadows()[number%len(shadows())]}
	x := testbed.Experiment{Name: fmt.Sprintf("x%d", number), Endpoint: endpoint, Shadow: p.shadow.Model, Percent: 100}
	if err := server.Begin(ctx, x); err != nil {
		return p, fmt.Errorf("%s: %w", p.shadow.Name, err)
	}
	during := server.Watch(ctx)
	wait(ctx, o.phase())
	vitals, err := during()
	if err != nil {
		return p, err
	}
	p.most = testbed.TrendOf([][]testbed.Vitals{vitals}, testbed.Memory).Most
	running, err := server.Account(ctx, x.Name)
	if err != nil {
		return p, err
	}
	if err := server.End(ctx, x); err != nil {
		return p, fmt.Errorf("%s: %w", p.shadow.Name, err)
	}
	if p.account, err = server.Account(ctx, x.Name); err != nil {
		return p, err
	}
	p.sums = adds(running) && adds(p.account)
	resting := server.Watch(ctx)
	wait(ctx, rest)
	p.vitals, err = resting()
	return p, err
}

// adds reports whether an account adds up, at whatever moment it was asked for.
func adds(a testbed.Account) bool { return a.Sum() == a.Requests() }

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
