// Package load sends requests and takes the time of the answers.
//
// Start at [Callers.Send]. An open loop sends at a rate, each request when it is due, whatever became of those before it, and
// times it from then on: when all connections are taken, waiting for one is part of the latency, as it is for users. A
// closed loop sends as soon as the last answer is there, and finds how much there can be.
//
// The package knows nothing of who answers.
package load

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A Request is what goes over the wire, and what must come back.
type Request struct {
	Wire []byte
	Want []byte // the answer's body; nil: any
}

// A Plan is what to send, and how.
type Plan struct {
	Requests []Request     // in turn
	Rate     float64       // requests per second; 0: a closed loop
	For      time.Duration // how long requests are sent
	Burst    int           // a closed loop rests behind so many requests; 0: never
	Rest     time.Duration // so long
	Limit    time.Duration // a request not answered so long after it was due has failed; 0: 10 s
}

// Count is how many requests an open loop sends.
func (p Plan) Count() int { return int(p.Rate * p.For.Seconds()) }

// A Sample is what became of one request.
type Sample struct {
	Due  time.Duration // since the first one was
	Took time.Duration // from when it was due
	Err  error         // not answered, or not with 200: the latency means nothing
	// Wrong is true for an answer that is not the one wanted, byte for byte.
	Wrong bool
}

// A Result is what became of all of them.
type Result struct {
	Samples []Sample // in the order in which they were due
	Took    time.Duration
}

// Rate is how many were answered in a second.
func (r Result) Rate() float64 { return float64(len(r.Samples)) / r.Took.Seconds() }

// Latencies of what was answered, in the order of the samples.
func (r Result) Latencies() []time.Duration {
	var all []time.Duration
	for _, s := range r.Samples {
		if s.Err == nil {
			all = append(all, s.Took)
		}
	}
	return all
}

// Failed is how many were not answered with 200, and Wrong how many not by the body that was wanted.
func (r Result) Failed() (failed, wrong int) {
	for _, s := range r.Samples {
		if s.Err != nil {
			failed++
		}
		if s.Wrong {
			wrong++
		}
	}
	return failed, wrong
}

// Err is one of the errors, or what was wrong with an answer; nil if all went well. One tells enough: mostly they are all
// the same.
func (r Result) Err() error {
	for _, s := range r.Samples {
		if s.Err != nil {
			return s.Err
		}
		if s.Wrong {
			return fmt.Errorf("the answer to the request at %v is not its own", s.Due)
		}
	}
	return nil
}

const defaultLimit = 10 * time.Second

// Callers keep their connections from one plan to the next, as callers in production do. A plan that warms up what is measured
// goes over the same ones: connecting is slow, and not what an answer takes.
type Callers struct{ all []*caller }

// NewCallers returns n callers, each with one connection and one request at a time. They connect when they have something to send.
func NewCallers(address string, n int) *Callers {
	c := &Callers{}
	for range n {
		c.all = append(c.all, &caller{address: address})
	}
	return c
}

// Close closes the connections.
func (c *Callers) Close() {
	for _, one := range c.all {
		one.close()
	}
}

// Send returns when all is answered or has failed. A request that fails is a sample; what keeps Send from sending at all,
// and the end of ctx, are errors.
func (c *Callers) Send(ctx context.Context, p Plan) (Result, error) {
	if len(p.Requests) == 0 || len(c.all) == 0 || p.For <= 0 {
		return Result{}, fmt.Errorf("nothing to send: %d requests, %d callers, for %v", len(p.Requests), len(c.all), p.For)
	}
	p.Limit = cmp.Or(p.Limit, defaultLimit)
	begin := time.Now()
	next := p.closed(begin)
	if p.Rate > 0 {
		next = p.open(ctx, begin)
	}
	samples := make([][]Sample, len(c.all))
	var calling sync.WaitGroup
	for i, one := range c.all {
		calling.Go(func() { samples[i] = one.call(ctx, p, begin, next) })
	}
	calling.Wait()
	r := Result{Samples: slices.Concat(samples...), Took: time.Since(begin)}
	slices.SortFunc(r.Samples, func(a, b Sample) int { return cmp.Compare(a.Due, b.Due) })
	return r, ctx.Err()
}
