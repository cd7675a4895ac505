// Package router answers InvokeEndpoint and InvokeEndpointWithResponseStream: it finds the endpoint, picks a variant and
// an instance, asks the model, and copies a sample of the requests to a shadow without production ever noticing.
//
// Start at [Router.Begin] in invoke.go, which is one request from its first line to its answer. table.go turns published
// [gnomon.Routes] into what a request looks things up in; instance.go is claim-then-serve, by which an instance can be let
// go of for certain; leg.go is one request to one model, with pool.go for its connection and incoming.go for what comes
// back; mirror.go and those beside it are everything that is the shadow's own; stream.go is a streamed answer.
//
// Everything happens on the loops of package reactor: nothing waits, and what belongs to a request is touched by one
// goroutine only (lane.go).
//
// The package knows nothing of SQL, of operations of the control plane, or of what is done with the numbers it records.
package router

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gnomon"
	"gnomon/http1"
	"gnomon/internal/budget"
	"gnomon/reactor"
)

// A Recorder takes the numbers. Both methods are called by [Router.Publish] only, and more than once for the same name:
// what they return for it must add up.
type Recorder interface {
	Series(gnomon.Series) gnomon.LegRecorder
	Mirror(gnomon.Mirror) gnomon.MirrorRecorder
}

// Options are what a [Router] needs, and its limits. A limit of zero means the default.
type Options struct {
	Partition gnomon.Partition // shows in messages and ARNs

	// Authorize says whether the request may invoke the endpoint, which may not exist. An error that is an [*Error]
	// is answered as it is, any other as InternalFailure. A nil Authorize lets everyone. It is called on loops, and from
	// other goroutines for requests with large bodies.
	Authorize func(head *http1.Request, body []byte, endpoint gnomon.EndpointName) error

	Capturer    Capturer // nil: nothing is captured
	Judge       Judge    // nil: nothing is judged
	KeptMemory  int64    // bytes that answers lie in which are kept to be captured or compared; 64 MiB
	MaxCompared int      // bytes of an answer that is compared; 1 MiB

	InvocationTimeout  time.Duration // for a model to answer, from when the request is written; 60 s
	StreamTimeout      time.Duration // for a streamed answer, from beginning to end; 8 min
	ConnectTimeout     time.Duration // for a model to take a connection; 250 ms
	MaxAnswer          int           // bytes of a production answer's body; 25 MiB
	MaxInFlight        int           // requests under way per instance; 1024
	MaxIdleConnections int           // kept per instance and loop; 256
	IdleTimeout        time.Duration // for which an unused connection to a model is kept; 60 s

	ShadowTimeout   time.Duration // for a shadow to answer; 60 s
	MaxShadowBody   int           // bytes of a request that is still copied; 25 MiB
	MaxShadowAnswer int           // bytes of a shadow's answer; 25 MiB, as production's
	MirrorQueue     int           // copies waiting per mirror, at least one per loop; 1024
	MirrorWorkers   int           // copies under way per mirror, at least one per loop; 64
	MirrorMemory    int64         // bytes that the bodies of all copies lie in, over all mirrors; 256 MiB
	MirrorGrace     time.Duration // for copies under way when their mirror is taken away; 5 s
	BreakerFaults   int           // in a row, after which a shadow gets no more copies for a while; 20
	BreakerPause    time.Duration // that while at first; it doubles up to 30 times this; 1 s
}

func (o Options) withDefaults() Options {
	o.KeptMemory = cmp.Or(o.KeptMemory, 64<<20)
	o.MaxCompared = cmp.Or(o.MaxCompared, 1<<20)
	o.InvocationTimeout = cmp.Or(o.InvocationTimeout, 60*time.Second)
	o.StreamTimeout = cmp.Or(o.StreamTimeout, 8*time.Minute)
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, 250*time.Millisecond)
	o.MaxAnswer = cmp.Or(o.MaxAnswer, 25<<20)
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 1024)
	o.MaxIdleConnections = cmp.Or(o.MaxIdleConnections, 256)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 60*time.Second)
	o.ShadowTimeout = cmp.Or(o.ShadowTimeout, 60*time.Second)
	o.MaxShadowBody = cmp.Or(o.MaxShadowBody, 25<<20)
	o.MaxShadowAnswer = cmp.Or(o.MaxShadowAnswer, 25<<20)
	o.MirrorQueue = cmp.Or(o.MirrorQueue, 1024)
	o.MirrorWorkers = cmp.Or(o.MirrorWorkers, 64)
	o.MirrorMemory = cmp.Or(o.MirrorMemory, 256<<20)
	o.MirrorGrace = cmp.Or(o.MirrorGrace, 5*time.Second)
	o.BreakerFaults = cmp.Or(o.BreakerFaults, 20)
	o.BreakerPause = cmp.Or(o.BreakerPause, time.Second)
	return o
}

// A Router routes what was last published. It answers and copies while its loops run.
type Router struct {
	opts  Options
	rec   Recorder
	log   *slog.Logger
	lanes []*lane // by loop
	table atomic.Pointer[table]

	memory *budget.Budget // of the mirrors
	kept   *budget.Budget // of answers to be captured or compared
	checks sync.WaitGroup // of signatures, beside the loops

	mu        sync.Mutex // publishing, and what only publishing changes
	instances map[instanceKey]*instance
	mirrors   map[gnomon.MirrorID]*mirror
	ended     bool
}

// New returns a router that knows no endpoint, and works on the loops of the group, which must not run yet.
func New(opts Options, group *reactor.Group, rec Recorder, log *slog.Logger) *Router {
	r := &Router{
		opts:      opts.withDefaults(),
		rec:       rec,
		log:       log,
		instances: make(map[instanceKey]*instance),
		mirrors:   make(map[gnomon.MirrorID]*mirror),
	}
	for _, l := range group.Loops() {
		lane := &lane{router: r, loop: l, maxSpare: max(minSpare, share(r.opts.MirrorQueue, group.Len()))}
		l.OnTrim(lane.trim)
		r.lanes = append(r.lanes, lane)
	}
	r.memory, r.kept = budget.New(r.opts.MirrorMemory), budget.New(r.opts.KeptMemory)
	r.table.Store(&table{})
	return r
}

// Publish makes requests that begin from now on go by these routes. What appears in them as it did before keeps its
// connections, its counts, its queue and its breaker. When Publish returns, no request can claim an instance that is
// not in the routes any more: once [Router.InFlight] says 0 for it, the router has let go of it. Copies that wait for
// a mirror that is gone end in the bucket stopped.
func (r *Router) Publish(routes gnomon.Routes) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.compile(routes)
	r.table.Store(next.table)
	// Only now may the old ones close: a request that finds one closed looks again, and must then find the new table.
	for key, in := range r.instances {
		if !next.instances[key] {
			in.retire()
		}
	}
	r.dropRetired()
	for id, m := range r.mirrors {
		if !next.mirrors[id] {
			m.stop(time.Now().Add(r.opts.MirrorGrace))
			delete(r.mirrors, id)
		}
	}
}

// InFlight is the number of requests and copies that instance is working on for this router.
func (r *Router) InFlight(id gnomon.InstanceID) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for key, in := range r.instances {
		if key.id == id {
			n += in.claims()
		}
	}
	return n
}

// Run keeps house until ctx ends; then copies that wait end in the bucket stopped, and those under way have
// MirrorGrace left. The loops must run until Run has returned. A router runs once.
func (r *Router) Run(ctx context.Context) error {
	sweep := time.NewTicker(time.Second)
	defer sweep.Stop()
	for {
		select {
		case <-sweep.C:
			r.sweep()
		case <-ctx.Done():
			r.end()
			return nil
		}
	}
}

// end stops all mirrors and waits until nothing is left of their copies.
func (r *Router) end() {
	r.mu.Lock()
	r.ended = true
	all := slices.Collect(maps.Values(r.mirrors))
	for _, m := range all {
		m.stop(time.Now().Add(r.opts.MirrorGrace))
	}
	r.mu.Unlock()
	r.checks.Wait()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for limit := time.Now().Add(r.opts.MirrorGrace + time.Second); time.Now().Before(limit); <-look.C {
		if !slices.ContainsFunc(all, (*mirror).busy) {
			return
		}
	}
}

// busy reports whether copies wait or are under way.
func (m *mirror) busy() bool {
	return slices.ContainsFunc(m.queues, func(q *queue) bool { return q.length.Load()+q.working.Load() > 0 })
}

// sweep lets go of instances that have left the routes.
func (r *Router) sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropRetired()
}

// dropRetired forgets instances that have left the routes and of which nothing is under way.
func (r *Router) dropRetired() {
	for key, in := range r.instances {
		if in.done() {
			in.close()
			delete(r.instances, key)
		}
	}
}
