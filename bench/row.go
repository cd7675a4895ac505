package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gnomon/bench/internal/load"
	"gnomon/bench/internal/quantile"
	"gnomon/bench/internal/testbed"
)

// A target is who answers a scenario's requests.
type target struct {
	address string
	request func() ([]byte, error)   // as it goes over the wire, good for some minutes
	process *testbed.Process         // whose processor time counts; nil: nobody's
	account func() (counting, error) // what it counted, once no copy is under way; nil: it does not count
}

// counting is where a target's counters stand.
type counting struct{ requests, sampled, copied int64 }

// A row is a scenario with what was measured of it.
type row struct {
	scenario
	target
	rounds  []measurement
	spoilt  int     // rounds that were done again, since copies were missing
	offered float64 // requests per second, where the scenario's own pace was too much; else 0
	failure error   // why there are no more rounds
}

// A measurement is one round of one row.
type measurement struct {
	cpu      time.Duration // per request
	rate     float64       // requests per second that were answered
	copied   float64       // share of the sampled requests, as counted
	p50, p99 time.Duration // from when a request was due
}

const (
	warmUp      = 200 * time.Millisecond // how long a row runs before it is measured
	minRequests = 20                     // a measurement has, however low its rate
	whole       = 0.99                   // the share of copies that a round must have
	slowdown    = 0.8                    // what a saturated row goes down to when it has not
	maxSpoilt   = 8                      // rounds are thrown away, at most
)

// measure adds one round. A round without its copies would look cheap, and is done again: production never waits for a
// shadow, so a caller that sends as soon as it is answered can be faster than the copies are. A saturated row goes on at less
// than it was answered at, as an open loop; so its rate is the highest, in steps, at which all copies are made.
func (r *row) measure(ctx context.Context, d time.Duration, capacity float64) error {
	for r.failure == nil {
		m, err := r.try(ctx, d, capacity)
		if err != nil {
			return err
		}
		if m.copied >= whole {
			r.rounds = append(r.rounds, m)
			return nil
		}
		r.spoil(m)
	}
	return nil
}

// spoil throws a round away, and decides how to go on.
func (r *row) spoil(m measurement) {
	if r.rate == saturated {
		r.offered = slowdown * m.rate
	}
	if r.spoilt++; r.spoilt > maxSpoilt {
		r.failure = fmt.Errorf("the shadow could not take its copies in %d rounds, in the last one %.0f %% of them at %.0f requests/s",
			r.spoilt, 100*m.copied, m.rate)
	}
}

// pacing is the rate to send at; 0 is a closed loop.
func (r *row) pacing(capacity float64) float64 {
	switch {
	case r.offered > 0:
		return r.offered
	case r.rate == half:
		return capacity / 2
	}
	return float64(r.rate)
}

// try measures once. Every request must be answered with 200.
func (r *row) try(ctx context.Context, d time.Duration, capacity float64) (measurement, error) {
	request, err := r.request()
	if err != nil {
		return measurement{}, err
	}
	plan := load.Plan{
		Address: r.address, Requests: []load.Request{{Wire: request}}, Callers: r.callers, Rate: r.pacing(capacity), For: warmUp,
	}
	if plan.Rate > 0 {
		d = max(d, time.Duration(minRequests/plan.Rate*float64(time.Second)))
		plan.For = max(warmUp, time.Duration(2/plan.Rate*float64(time.Second)))
	}
	if _, err := send(ctx, plan); err != nil {
		return measurement{}, err
	}
	begin, err := r.read()
	if err != nil {
		return measurement{}, err
	}
	plan.For = d
	result, err := send(ctx, plan)
	if err != nil {
		return measurement{}, err
	}
	end, err := r.read()
	if err != nil {
		return measurement{}, err
	}
	return r.evaluate(result, begin, end)
}

func send(ctx context.Context, plan load.Plan) (load.Result, error) {
	result, err := plan.Send(ctx)
	if err == nil {
		err = result.Err()
	}
	return result, err
}

func (r *row) evaluate(result load.Result, begin, end reading) (measurement, error) {
	n := len(result.Samples)
	if got := end.requests - begin.requests; r.account != nil && got != int64(n) {
		return measurement{}, fmt.Errorf("%d requests were sent, and %d accounted for", n, got)
	}
	latencies := slices.Sorted(slices.Values(result.Latencies()))
	m := measurement{
		cpu: (end.cpu - begin.cpu) / time.Duration(n), rate: result.Rate(), copied: 1,
		p50: quantile.Of(latencies, 0.50), p99: quantile.Of(latencies, 0.99),
	}
	if sampled := end.sampled - begin.sampled; sampled > 0 {
		m.copied = float64(end.copied-begin.copied) / float64(sampled)
	}
	return m, nil
}

// A reading is where a row's counters stand.
type reading struct {
	counting
	cpu time.Duration
}

// read waits for copies under way, so that what they take is counted with the requests they are of. What asking takes
// is counted too; it is nothing beside thousands of requests.
func (r *row) read() (reading, error) {
	var now reading
	var err error
	if r.account != nil {
		if now.counting, err = r.account(); err != nil {
			return now, err
		}
	}
	if r.process != nil {
		now.cpu, err = r.process.CPU()
	}
	return now, err
}
