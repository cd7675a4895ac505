// Package replay sends captured requests again: in their original spacing, faster or slower, or at a steady rate.
//
// Start at [Run]. Requests are sent in an open loop: each is due at a time that does not depend on how the ones before it are
// answered, and its latency counts from then, so that an endpoint that cannot keep up shows it. Captured requests lie in
// the order in which they were answered; order.go puts them back into that in which they began.
//
// The package knows nothing of HTTP, signatures or where requests come from.
package replay

import (
	"cmp"
	"context"
	"iter"
	"sync"
	"time"
)

// A Request is one that was captured.
type Request struct {
	Began            time.Time
	ContentType      string
	Body             []byte
	InferenceID      string
	CustomAttributes string

	// How it was answered then. A zero Latency is not known.
	Answered bool // with 2xx
	Answer   []byte
	Latency  time.Duration // of the model
}

// An Answer is what came of sending a request.
type Answer struct {
	Status int // 0: none
	Body   []byte
	Err    error // why there is none
}

// Options say how a run is sent.
type Options struct {
	Speed    float64 // of the original spacing; 1
	Rate     float64 // requests per second instead of the original spacing; 0: by Speed
	InFlight int     // requests under way at most: more wait, and are late; 256
	Skip     int     // requests that were sent before

	Send func(context.Context, Request) Answer
	// Progress is called after each request, one at a time, with how many were sent to their end, without a gap, from the
	// first on, those of Skip included. Nil: nobody wants to know.
	Progress func(done int)
}

// lateBy is from when on a request counts as late.
const lateBy = 10 * time.Millisecond

// Run sends the requests, and returns what came of it when all are answered. When ctx ends it sends no more, and waits for
// those under way. An error of the requests ends it too.
func Run(ctx context.Context, requests iter.Seq2[Request, error], o Options) (Report, error) {
	r := runner{opts: o, sending: context.WithoutCancel(ctx), open: make(chan struct{}, cmp.Or(o.InFlight, 256)), done: o.Skip}
	r.opts.Speed = cmp.Or(o.Speed, 1)
	err := r.run(ctx, requests)
	r.all.Wait()
	if !r.start.IsZero() {
		r.report.Took = time.Since(r.start)
	}
	return r.report, err
}

type runner struct {
	opts    Options
	sending context.Context
	open    chan struct{} // a place for each request under way
	all     sync.WaitGroup
	start   time.Time

	mu     sync.Mutex
	report Report
	done   int          // without a gap
	ahead  map[int]bool // that are done behind a gap
}

func (r *runner) run(ctx context.Context, requests iter.Seq2[Request, error]) error {
	r.ahead = make(map[int]bool)
	n, first := 0, time.Time{}
	for q, err := range InOrder(requests) {
		if err != nil {
			return err
		}
		if n++; n <= r.opts.Skip {
			continue
		}
		if first.IsZero() {
			first, r.start = q.Began, time.Now() // what was read before is no delay
		}
		due := r.start.Add(r.after(n-1-r.opts.Skip, q.Began.Sub(first)))
		if !r.await(ctx, due) {
			return ctx.Err()
		}
		index := n - 1
		r.all.Go(func() {
			defer func() { <-r.open }()
			r.send(q, due, index)
		})
	}
	return nil
}

// after is when a request is due, from the start on: the n-th to be sent, which began so long after the first.
func (r *runner) after(n int, behind time.Duration) time.Duration {
	if r.opts.Rate > 0 {
		return time.Duration(float64(n) / r.opts.Rate * float64(time.Second))
	}
	return time.Duration(float64(max(0, behind)) / r.opts.Speed)
}

// await waits until a time, and for a place. It reports false if ctx ends before.
func (r *runner) await(ctx context.Context, due time.Time) bool {
	if wait := time.Until(due); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false
		}
	}
	select {
	case r.open <- struct{}{}:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (r *runner) send(q Request, due time.Time, index int) {
	began := time.Now()
	a := r.opts.Send(r.sending, q)
	took := time.Since(due)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.add(q, a, took, began.Sub(due) > lateBy)
	r.ahead[index] = true
	for r.ahead[r.done] {
		delete(r.ahead, r.done)
		r.done++
	}
	if r.opts.Progress != nil {
		r.opts.Progress(r.done)
	}
}
