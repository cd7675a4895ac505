// Command bench measures what a request costs in Gnomon: processor time of the server's process per request, beside that of
// nginx and of nginx's mirror, in rounds that go through all rows so that a busy machine hurts all alike. It holds Gnomon to
// ceilings, and fails when one is surely missed.
//
// Start at run. A row is a scenario, which is data: scenario.go has them all, and ceiling.go the ceilings. stage.go starts
// what answers, row.go measures, and table.go prints. bench/isolation measures what a shadow does to production, and
// bench/soak whether anything grows.
//
// Usage:
//
//	go run ./bench [-quick] [-rows REGEXP] [-rounds 15] [-for 700ms] [-strict=false] [-apart] [-nginx PATH] [-gnomon PATH]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"
	"time"

	"gnomon/bench/internal/load"
	"gnomon/bench/internal/testbed"
)

type options struct {
	quick    bool
	rows     string // a regular expression
	rounds   int
	duration time.Duration
	strict   bool
	apart    bool
	nginx    string
	gnomon   string
}

func main() {
	var o options
	flag.BoolVar(&o.quick, "quick", false, "only the rows that ceilings need")
	flag.StringVar(&o.rows, "rows", "", "only the rows whose name and pace, as in \"nginx, mirror, saturated\", match the regular expression")
	flag.IntVar(&o.rounds, "rounds", 15, "rounds; each measures every row once")
	flag.DurationVar(&o.duration, "for", 700*time.Millisecond, "how long each measurement takes")
	flag.BoolVar(&o.strict, "strict", true, "fail if a ceiling is surely missed or was not measured")
	flag.BoolVar(&o.apart, "apart", false, "the servers have one half of the processors, the models and who asks the other")
	flag.StringVar(&o.nginx, "nginx", "", "where nginx is, if not in PATH; its rows are left out if it is nowhere")
	flag.StringVar(&o.gnomon, "gnomon", "", "a gnomon that is built already")
	flag.Parse()
	if o.strict && o.rounds < sureRounds {
		fmt.Fprintf(os.Stderr, "bench: of %d rounds nothing is sure, so no ceiling could be missed; there must be at least %d, or -strict=false\n", o.rounds, sureRounds)
		os.Exit(2)
	}
	if o.rounds < 1 || o.duration <= 0 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "bench: rounds and duration must be positive, and there are no arguments beside flags")
		os.Exit(2)
	}
	// A reader of the output that has left must not end the program before it has ended what it started.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	defer cancel()
	scenarios := all()
	if o.quick {
		scenarios = judged(scenarios)
	}
	scenarios, err := matching(scenarios, o.rows)
	if err == nil {
		err = run(ctx, o, scenarios, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// matching returns the scenarios whose name and pace match.
func matching(scenarios []scenario, expression string) ([]scenario, error) {
	match, err := regexp.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("-rows: %w", err)
	}
	scenarios = slices.DeleteFunc(scenarios, func(s scenario) bool { return !match.MatchString(fmt.Sprintf("%s, %s", s, s.pace())) })
	if len(scenarios) == 0 {
		return nil, fmt.Errorf("-rows: no row matches %q", expression)
	}
	return scenarios, nil
}

// errMissed is all that a strict run says at the end: the table has said which.
var errMissed = errors.New("a ceiling is missed, or was not measured")

func run(ctx context.Context, o options, scenarios []scenario, out io.Writer) (err error) {
	bed, err := testbed.New(ctx, o.gnomon)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bed.Close()) }()
	s, err := newStage(ctx, bed, o.nginx)
	if err != nil {
		return err
	}
	rows, err := s.rows(ctx, scenarios)
	if err != nil {
		return err
	}
	if o.apart {
		if err := bed.Apart(s.servers()...); err != nil {
			return fmt.Errorf("keep servers apart from what they ask: %w", err)
		}
	}
	capacity, err := capacity(ctx, o, rows)
	if err != nil {
		return fmt.Errorf("find the capacity: %w", err)
	}
	printHead(out, o, capacity)
	if err := measure(ctx, o, rows, capacity); err != nil {
		return err
	}
	printRows(out, rows)
	printComparing(out, comparing(ctx, o.duration))
	passed := printCeilings(out, judge(ceilings(), rows, capacity))
	fmt.Fprintf(out, "\nLoad average at the end: %s.\n", testbed.LoadAverage())
	if o.strict && !passed {
		return errMissed
	}
	return nil
}

// slowdown is the step by which a rate goes down that is too much.
const slowdown = 0.8

// capacity is how many requests per second Gnomon takes when every one is copied: about the highest rate of an open loop at
// which all of them are answered in time and all copies are made. A closed loop only says where to begin: its callers wait
// while the machine is behind, so requests come in batches, which are cheaper than requests that come one by one. Capacity
// is found before the rounds begin, so that half of it is the same in all of them.
func capacity(ctx context.Context, o options, rows []*row) (float64, error) {
	if !slices.ContainsFunc(rows, func(r *row) bool { return r.rate == half }) {
		return 0, nil // nobody asks
	}
	at := slices.IndexFunc(rows, func(r *row) bool { return r.from(referenceCallers) == mirrored.at(lowRate) })
	if at < 0 {
		return 0, fmt.Errorf("it is that of the row %q, which -rows leaves out", fmt.Sprintf("%s, %s", mirrored, mirrored.at(lowRate).pace()))
	}
	return capacityBy(func(p load.Plan) (measurement, error) {
		p.For = o.duration
		return rows[at].try(ctx, p)
	})
}

// holds is how many times in a row a rate must be taken: once is luck, on a machine that does other things as well.
const holds = 3

// capacityBy looks for the capacity by trying plans.
func capacityBy(try func(load.Plan) (measurement, error)) (float64, error) {
	m, err := try(load.Plan{})
	for range 2 * maxSpoilt {
		rate, held := slowdown*m.rate, 0
		for held < holds && err == nil {
			if m, err = try(load.Plan{Rate: rate}); m.copied < whole || m.rate < whole*rate {
				break
			}
			held++
		}
		if held == holds || err != nil {
			return rate, err
		}
	}
	return 0, errors.New("the shadow takes no rate at all")
}

// measure goes through the rounds.
func measure(ctx context.Context, o options, rows []*row, capacity float64) error {
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d: %d rows\n", round+1, o.rounds, len(rows))
		for i := range rows {
			// The order turns around, lest one always come after the same other.
			if round%2 == 1 {
				i = len(rows) - 1 - i
			}
			err := rows[i].measure(ctx, o.duration, capacity)
			if ctx.Err() != nil {
				return ctx.Err() // and not what came of it: everything is being stopped
			}
			if err != nil {
				return fmt.Errorf("%s: %w", rows[i], err)
			}
		}
	}
	return nil
}
