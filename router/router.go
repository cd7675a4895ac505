// Package router answers InvokeEndpoint: it finds the endpoint, picks a variant and an instance, asks the model, and
// copies a sample of the requests to a shadow without production ever noticing.
//
// Start at [Router.Serve] in invoke.go, which is one request from its first line to its answer. table.go turns published
// [gnomon.Routes] into what a request looks things up in; instance.go is claim-then-serve, by which an instance can be let
// go of for certain; call.go and pool.go are one leg, which is one request to one model; mirror.go and those beside it
// are everything that is the shadow's own.
//
// The package knows nothing of SQL, of operations of the control plane, or of what is done with the numbers it records.
package router

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gnomon"

	"github.com/valyala/fasthttp"
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
	// is answered as it is, any other as InternalFailure. A nil Authorize lets everyone.
	Authorize func(*fasthttp.RequestCtx, gnomon.EndpointName) error

	InvocationTimeout  time.Duration // for a model to answer, from when the request is written; 60 s
	ConnectTimeout     time.Duration // for a model to take a connection; 250 ms
	MaxAnswer          int           // bytes of a production answer's body; 25 MiB
	MaxInFlight        int           // requests under way per instance; 1024
	MaxIdleConnections int           // kept per instance; 256
	IdleTimeout        time.Duration // for which an unused connection to a model is kept; 60 s

	ShadowTimeout   time.Duration // for a shadow to answer; 60 s
	MaxShadowBody   int           // bytes of a request that is still copied; 25 MiB
	MaxShadowAnswer int           // bytes of a shadow's answer; 8 MiB
	MirrorQueue     int           // copies waiting per mirror; 1024
	MirrorWorkers   int           // copies under way per mirror; 64
	MirrorMemory    int64         // bytes of all copies and their answers, over all mirrors; 256 MiB
	MirrorGrace     time.Duration // for copies under way when their mirror is taken away; 5 s
	BreakerFaults   int           // in a row, after which a shadow gets no more copies for a while; 20
	BreakerPause    time.Duration // that while at first; it doubles up to 30 times this; 1 s
}

func (o Options) withDefaults() Options {
	o.InvocationTimeout = cmp.Or(o.InvocationTimeout, 60*time.Second)
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, 250*time.Millisecond)
	o.MaxAnswer = cmp.Or(o.MaxAnswer, 25<<20)
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 1024)
	o.MaxIdleConnections = cmp.Or(o.MaxIdleConnections, 256)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 60*time.Second)
	o.ShadowTimeout = cmp.Or(o.ShadowTimeout, 60*time.Second)
	o.MaxShadowBody = cmp.Or(o.MaxShadowBody, 25<<20)
	o.MaxShadowAnswer = cmp.Or(o.MaxShadowAnswer, 8<<20)
	o.MirrorQueue = cmp.Or(o.MirrorQueue, 1024)
	o.MirrorWorkers = cmp.Or(o.MirrorWorkers, 64)
	o.MirrorMemory = cmp.Or(o.MirrorMemory, 256<<20)
	o.MirrorGrace = cmp.Or(o.MirrorGrace, 5*time.Second)
	o.BreakerFaults = cmp.Or(o.BreakerFaults, 20)
	o.BreakerPause = cmp.Or(o.BreakerPause, time.Second)
	return o
}

// A Router routes what was last published. It answers before and after [Router.Run], but copies only during it.
type Router struct {
	opts  Options
	rec   Recorder
	log   *slog.Logger
	table atomic.Pointer[table]

	exchanges exchanges
	memory    budget // of the mirrors

	mu        sync.Mutex // publishing, and what only publishing changes
	instances map[instanceKey]*instance
	mirrors   map[gnomon.MirrorID]*mirror
	running   bool
	ended     bool
	workers   sync.WaitGroup
}

// New returns a router that knows no endpoint.
func New(opts Options, rec Recorder, log *slog.Logger) *Router {
	r := &Router{
		opts:      opts.withDefaults(),
		rec:       rec,
		log:       log,
		instances: make(map[instanceKey]*instance),
		mirrors:   make(map[gnomon.MirrorID]*mirror),
	}
	r.memory.limit = r.opts.MirrorMemory
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

// Run works on copies until ctx ends; then those that wait end in the bucket stopped, and those under way have
// MirrorGrace left. A router runs once.
func (r *Router) Run(ctx context.Context) error {
	r.start()
	sweep := time.NewTicker(time.Second)
	defer sweep.Stop()
	for {
		select {
		case <-sweep.C:
			r.sweep(time.Now())
		case <-ctx.Done():
			r.end()
			r.workers.Wait()
			r.sweep(time.Now().Add(r.opts.IdleTimeout))
			return nil
		}
	}
}

func (r *Router) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = true
	for _, m := range r.mirrors {
		m.start(&r.workers)
	}
}

func (r *Router) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running, r.ended = false, true
	for _, m := range r.mirrors {
		m.stop(time.Now().Add(r.opts.MirrorGrace))
	}
}

// sweep closes connections that nobody has used for long.
func (r *Router) sweep(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropRetired()
	for _, in := range r.instances {
		for _, p := range in.pools() {
			p.sweep(now.Add(-r.opts.IdleTimeout))
		}
	}
}

// dropRetired forgets instances that have left the routes and of which nothing is under way.
func (r *Router) dropRetired() {
	for key, in := range r.instances {
		if in.done() {
			for _, p := range in.pools() {
				p.close()
			}
			delete(r.instances, key)
		}
	}
}
