package main

import (
	"context"
	"errors"
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

	// alongside has the machine do something else until stop while the target is asked at that rate; nil: nothing.
	alongside func(ctx context.Context, rate float64) (stop func() error, err error)
}

// counting is where a target's counters stand.
type counting struct{ requests, sampled, copied int64 }

// A row is a scenario with what was measured of it.
type row struct {
	scenario
	target
	rounds  []measurement
	spoilt  int           // rounds that were done again, since copies were missing
	rest    time.Duration // between the bursts of a saturated row that copies
	failure error         // why there are no more rounds
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
	maxSpoilt   = 8                      // rounds are thrown away, at most
)

// Production never waits for a shadow, so callers that send as soon as they are answered are faster than the copies are. A
// saturated row that copies therefore comes in bursts, each of them less than what may wait for the shadow, with rests in
// which the copies are made: there is always something to do, or nothing at all, and what is done is all of it. Bursts are
// long, since caches are cold after each rest.
const (
	burst   = 8000
	minRest = 400 * time.Millisecond
)

// measure adds one round. A round without its copies would look cheap, and is done again, if saturated with longer rests.
func (r *row) measure(ctx context.Context, d time.Duration, capacity float64) error {
	for r.failure == nil {
		m, err := r.try(ctx, r.plan(d, capacity))
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

// spoil throws a round away.
func (r *row) spoil(m measurement) {
	r.rest *= 2
	if r.spoilt++; r.spoilt > maxSpoilt {
		r.failure = fmt.Errorf("the shadow could not take its copies in %d rounds, in the last one %.0f %% of them at %.0f requests/s",
			r.spoilt, 100*m.copied, m.rate)
	}
}

// plan is how the row's requests come. Capacity is in requests per second.
func (r *row) plan(d time.Duration, capacity float64) load.Plan {
	p := load.Plan{Rate: float64(r.rate), For: d}
	switch {
	case r.rate == half:
		p.Rate = capacity / 2
	case r.inBursts():
		r.rest = max(r.rest, minRest)
		p.Burst, p.Rest = burst, r.rest
		p.For = max(d, 4*r.rest)
	}
	if p.Rate > 0 {
		p.For = max(d, time.Duration(minRequests/p.Rate*float64(time.Second)))
	}
	return p
}

// try measures once. Every request must be answered with 200.
func (r *row) try(ctx context.Context, plan load.Plan) (m measurement, err error) {
	request, err := r.request()
	if err != nil {
		return measurement{}, err
	}
	if r.alongside != nil {
		stop, failed := r.alongside(ctx, plan.Rate)
		if failed != nil {
			return measurement{}, failed
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	plan.Requests = []load.Request{{Wire: request}}
	callers := load.NewCallers(r.address, r.callers)
	defer callers.Close()
	warm := plan
	warm.For = warmUp
	if plan.Rate > 0 {
		warm.For = max(warmUp, time.Duration(2/plan.Rate*float64(time.Second)))
	}
	if _, err := send(ctx, callers, warm); err != nil {
		return measurement{}, err
	}
	begin, err := r.read()
	if err != nil {
		return measurement{}, err
	}
	result, err := send(ctx, callers, plan)
	if err != nil {
		return measurement{}, err
	}
	end, err := r.read()
	if err != nil {
		return measurement{}, err
	}
	return r.evaluate(result, begin, end)
}

func send(ctx context.Context, callers *load.Callers, plan load.Plan) (load.Result, error) {
	result, err := callers.Send(ctx, plan)
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
