package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"gnomon/bench/internal/load"
	"gnomon/bench/internal/quantile"
	"gnomon/bench/internal/testbed"
)

// A result is a cell with what was measured in it.
type result struct {
	cell
	rounds  []quantile.Round // its latencies beside those of none, or of its shadow that gets nothing
	failed  int
	wrong   int
	example error              // one of what failed
	vitals  [][]testbed.Vitals // of each round
	account testbed.Account
	sums    error   // where the accounting is not as it must be
	broken  error   // why there are no more rounds
	busy    float64 // share of the machine's processors that generator and models used
}

const (
	callers = 32
	warmUp  = 300 * time.Millisecond // what is sent before a round, and not in its latencies
)

// A subject is a server with an endpoint, whose model answers with the hash of the body. Each cell has one of its own, so
// that its memory is of its own making.
type subject struct {
	bed    *testbed.Bed
	server *testbed.Gnomon
	plan   load.Plan
	result
}

const endpoint = "e"

func newSubject(ctx context.Context, bed *testbed.Bed, o options, c cell) (*subject, error) {
	server, err := bed.StartGnomon(ctx, testbed.Settings{})
	if err != nil {
		return nil, err
	}
	s := &subject{bed: bed, server: server, result: result{cell: c, account: testbed.Account{}}}
	if err := server.CreateEndpoint(ctx, endpoint, testbed.Model{Image: testbed.HashImage}, 1); err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	questions, err := testbed.Questions(c.size.kinds, c.size.bytes, func(body []byte) ([]byte, error) {
		return server.Invocation(endpoint, body)
	})
	s.plan = load.Plan{Requests: questions, Rate: o.rateOf(c.size), For: o.round(c.size)}
	return s, err
}

// measure measures the cells, and those named none that they need. It tells of those of one size as soon as it has them: the whole
// table takes more than an hour.
func measure(ctx context.Context, bed *testbed.Bed, o options, cells []cell, tell func([]result)) ([]result, error) {
	var results []result
	for _, s := range sizes {
		found, err := measureSize(ctx, bed, o, s, cells)
		if ctx.Err() != nil {
			return nil, ctx.Err() // and not what came of it: everything is being stopped
		}
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			tell(found)
		}
		results = append(results, found...)
	}
	return results, nil
}

// measureSize measures the cells of a size: those of one shadow together, in rounds with none between them.
func measureSize(ctx context.Context, bed *testbed.Bed, o options, s size, cells []cell) ([]result, error) {
	cells = slices.DeleteFunc(slices.Clone(cells), func(c cell) bool { return c.size != s })
	if len(cells) == 0 {
		return nil, nil
	}
	baseline, err := newSubject(ctx, bed, o, none(s))
	if err != nil {
		return nil, err
	}
	defer bed.StopGnomon(baseline.server)
	var results []result
	for len(cells) > 0 {
		n := 1
		for n < len(cells) && cells[n].shadow == cells[0].shadow {
			n++
		}
		found, err := measureGroup(ctx, bed, o, baseline, cells[:n])
		if err != nil {
			return nil, err
		}
		results, cells = append(results, found...), cells[n:]
	}
	return append([]result{baseline.result}, results...), nil
}

// measureGroup measures the cells of one shadow. One that harms the machine by being there is measured beside none while it gets
// nothing, and its cells beside that: what is copied is Gnomon's doing, and the rest is not.
func measureGroup(ctx context.Context, bed *testbed.Bed, o options, baseline *subject, cells []cell) ([]result, error) {
	first := 0 // of those that are asked
	if cells[0].shadow.Harms {
		cells, first = append([]cell{cells[0].unasked()}, cells...), 1
	}
	var subjects []*subject
	for _, c := range cells {
		s, err := newSubject(ctx, bed, o, c)
		if err != nil {
			return nil, err
		}
		defer bed.StopGnomon(s.server)
		subjects = append(subjects, s)
	}
	for range o.rounds {
		beside, err := baseline.round(ctx)
		if err != nil {
			return nil, err
		}
		baseline.rounds = append(baseline.rounds, quantile.Round{Of: beside, Beside: beside})
		for _, s := range subjects {
			if err := s.roundBeside(ctx, beside); err != nil {
				return nil, err
			}
			if s.sampling == 0 && s.broken == nil {
				beside = s.rounds[len(s.rounds)-1].Of
			}
		}
		slices.Reverse(subjects[first:])
	}
	slices.SortFunc(subjects, func(a, b *subject) int { return slices.Index(cells, a.cell) - slices.Index(cells, b.cell) })
	var results []result
	for _, s := range subjects {
		fmt.Fprintln(os.Stderr, s.brief())
		results = append(results, s.result)
	}
	return results, nil
}

// roundBeside adds a round. A cell in which one cannot be measured has failed, and is left alone; the others go on.
func (s *subject) roundBeside(ctx context.Context, beside []quantile.Sample) error {
	if s.broken != nil {
		return nil
	}
	of, err := s.round(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		s.broken = err
		s.bed.StopGnomon(s.server) // and with it a shadow that may do harm to the others
		return nil
	}
	s.rounds = append(s.rounds, quantile.Round{Of: of, Beside: beside})
	return nil
}

// round begins an experiment with the cell's shadow, sends a round's requests, and ends it: a shadow may do harm to others
// as long as it lives.
func (s *subject) round(ctx context.Context) ([]quantile.Sample, error) {
	x := testbed.Experiment{
		Name: fmt.Sprintf("x%d", len(s.rounds)), Endpoint: endpoint, Shadow: s.shadow.Model, Percent: s.sampling,
	}
	if err := s.server.Begin(ctx, x); err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	asking := load.NewCallers(s.server.Address, callers)
	defer asking.Close()
	warm := s.plan
	warm.For = max(warmUp, time.Duration(1.5/s.plan.Rate*float64(time.Second)))
	before, err := asking.Send(ctx, warm)
	if err != nil {
		return nil, err
	}
	begin := s.busyTime()
	stop := s.server.Watch(ctx)
	during, err := asking.Send(ctx, s.plan)
	vitals, watchErr := stop()
	if err != nil {
		return nil, err
	}
	if watchErr != nil {
		return nil, fmt.Errorf("%s: what the server holds: %w", s, watchErr)
	}
	s.busy = float64(s.busyTime()-begin) / float64(during.Took) / float64(processors)
	s.vitals = append(s.vitals, vitals)
	s.add(before)
	s.add(during)
	if err := s.settle(ctx, x, len(before.Samples)+len(during.Samples)); err != nil {
		return nil, err
	}
	return samples(during), s.server.End(ctx, x)
}

// settle holds the experiment's accounting to what was sent.
func (s *subject) settle(ctx context.Context, x testbed.Experiment, sent int) error {
	a, err := s.server.Account(ctx, x.Name)
	if err != nil {
		return err
	}
	switch {
	case a.Sum() != a.Requests():
		s.sums = fmt.Errorf("%d requests, and the buckets add up to %d: %v", a.Requests(), a.Sum(), a)
	case a.Requests() != int64(sent):
		s.sums = fmt.Errorf("%d requests were sent, and %d accounted for", sent, a.Requests())
	}
	s.account.Add(a)
	return nil
}

func (s *subject) add(r load.Result) {
	failed, wrong := r.Failed()
	s.failed += failed
	s.wrong += wrong
	if err := r.Err(); err != nil {
		s.example = err
	}
}

// samples are the latencies, in which a request that was not answered counts with how long it was waited for.
func samples(r load.Result) []quantile.Sample {
	var all []quantile.Sample
	for _, x := range r.Samples {
		all = append(all, quantile.Sample{Due: x.Due, Took: x.Took})
	}
	return all
}

// busyTime is what this process, the generator, and the models have used.
func (s *subject) busyTime() time.Duration {
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano()+used.Stime.Nano()) + s.server.Process.Below()
}
