package control

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"gnomon"
)

const (
	resync      = 5 * time.Minute        // everything is looked at this often, whether or not it was woken
	drainLook   = 100 * time.Millisecond // how often an instance that drains is looked at
	retryFailed = 30 * time.Second       // a live instance that failed is started again after this
)

// An EndpointReconciler makes endpoints consist of what they should, and keeps them so. It alone writes how far an
// endpoint has got, and it alone starts and stops instances.
type EndpointReconciler struct {
	plane  *Plane
	hosts  Hosts
	router Router
	board  *board
	log    *slog.Logger
	names  sync.Map // endpoint ID to its name in the queue
	boot   boot
	began  time.Time
	since  map[gnomon.InstanceID]time.Time // when an instance was first seen to be of no more use
}

// NewEndpointReconciler returns a reconciler that runs instances on hosts and publishes to router.
func NewEndpointReconciler(p *Plane, hosts Hosts, router Router) *EndpointReconciler {
	return &EndpointReconciler{
		plane: p, hosts: hosts, board: newBoard(router), router: router, log: p.Log,
		since: make(map[gnomon.InstanceID]time.Time),
	}
}

// Run reconciles until ctx ends. The hosts and the router must outlive it.
func (r *EndpointReconciler) Run(ctx context.Context) error {
	r.began = now()
	return runWithResync(ctx, r.plane.Endpoints, r.log, r.wakeAll, func(ctx context.Context, name string) (time.Duration, error) {
		if name == strays {
			return r.stopStrays(ctx)
		}
		return r.reconcile(ctx, name)
	})
}

// strays is the queue's name for instances whose endpoint does not exist. No endpoint can have it.
const strays = "/strays"

func (r *EndpointReconciler) wakeAll(ctx context.Context) error {
	r.plane.Endpoints.Wake(strays)
	return r.plane.Store.Do(ctx, func(tx *gnomon.Tx) error {
		all, _, err := tx.Endpoints.List(gnomon.Query{})
		r.boot.begin(all)
		for _, e := range all {
			r.plane.Endpoints.Wake(fold(e.Name))
		}
		return err
	})
}

// Ready reports whether every endpoint that was in service when the reconciler began has been so again since: each of
// its production variants had an instance in service.
func (r *EndpointReconciler) Ready() bool { return r.boot.done() }

// A boot is the set of endpoints whose instances are still being started after a restart.
type boot struct {
	mu    sync.Mutex
	began bool
	left  map[string]bool // by name in the queue
}

func (b *boot) begin(all []*gnomon.Endpoint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.began {
		return
	}
	b.began, b.left = true, make(map[string]bool)
	for _, e := range all {
		if e.Live != nil && e.Status != gnomon.EndpointDeleting {
			b.left[fold(e.Name)] = true
		}
	}
}

// serves takes an endpoint off the set.
func (b *boot) serves(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.left, name)
}

func (b *boot) done() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.began && len(b.left) == 0
}

// Changed wakes the reconciler after an instance of the endpoint with that ID changed its state. It may be called from
// anywhere and never blocks.
func (r *EndpointReconciler) Changed(endpointID string) {
	if name, ok := r.names.Load(endpointID); ok {
		r.plane.Endpoints.Wake(name.(string))
		return
	}
	r.plane.Endpoints.Wake(strays)
}

func (r *EndpointReconciler) reconcile(ctx context.Context, name string) (time.Duration, error) {
	s, err := r.begin(ctx, name)
	if err != nil {
		return 0, err // what serves goes on serving
	}
	if s.e == nil {
		r.board.drop(name)
		r.boot.serves(name)
		return 0, nil
	}
	r.names.Store(s.e.ID, name)
	switch s.e.Status {
	case gnomon.EndpointDeleting:
		return r.remove(ctx, name, s)
	case gnomon.EndpointFailed:
		return r.stop(ctx, s, nil, time.Time{})
	}
	if err := r.ensure(ctx, s); err != nil {
		return 0, err
	}
	s, err = r.advance(ctx, name, r.instances(s.e.ID))
	if err != nil {
		return 0, err
	}
	again, err := r.stop(ctx, s, s.keep(), time.Now().Add(-s.e.Deployment.TerminationWait))
	if s.e.Status.Busy() {
		again = sooner(again, r.left(s.e))
	}
	return again, err
}

// left is the time that a deployment under way still has. The time before this process began does not count: nothing
// was being deployed then.
func (r *EndpointReconciler) left(e *gnomon.Endpoint) time.Duration {
	since := e.DeployingSince
	if since.Before(r.began) {
		since = r.began
	}
	return time.Until(since.Add(cmp.Or(e.Deployment.MaximumExecutionTime, longestDeployment)))
}

// begin reads the site; an endpoint in service that is to change becomes Updating, so that nobody sees it in service
// while it is half changed.
func (r *EndpointReconciler) begin(ctx context.Context, name string) (site, error) {
	return do(ctx, r.plane.Store, func(tx *gnomon.Tx) (site, error) {
		e, err := r.plane.found(tx, gnomon.EndpointName(name))
		if err != nil || e == nil {
			return site{}, err
		}
		s, err := siteOf(tx, e)
		if err != nil || s.settled() || e.Status != gnomon.EndpointInService {
			return s, err
		}
		e.Status, e.ModifiedAt, e.DeployingSince = gnomon.EndpointUpdating, now(), now()
		return s, tx.Endpoints.Put(e)
	})
}

// ensure starts what is wanted and what is live: after a restart neither runs.
func (r *EndpointReconciler) ensure(ctx context.Context, s site) error {
	fleets := s.wanted().Fleets(s.e.ID, s.e.Name)
	if s.e.Live != nil {
		have := make(map[gnomon.FleetID]int)
		for _, f := range fleets {
			have[f.ID] = f.Count
		}
		for _, f := range s.e.Live.Fleets(s.e.ID, s.e.Name) {
			if n, ok := have[f.ID]; !ok || n < f.Count {
				fleets = append(fleets, f)
			}
		}
	}
	for _, f := range fleets {
		if err := r.hosts.Ensure(ctx, f); err != nil {
			return fmt.Errorf("start variant %s of endpoint %s: %w", f.Variant, s.e.Name, err)
		}
	}
	return nil
}

// advance records what the instances mean: what is wanted is live, or cannot be. The routes are published before that
// is kept, so that whoever is told that something serves, or is copied, finds it so. Should it not be kept, the next
// step publishes what is.
func (r *EndpointReconciler) advance(ctx context.Context, name string, instances map[gnomon.InstanceID]gnomon.Instance) (site, error) {
	var was, is gnomon.EndpointStatus
	s, err := do(ctx, r.plane.Store, func(tx *gnomon.Tx) (site, error) {
		e, err := r.plane.found(tx, gnomon.EndpointName(name))
		if err != nil {
			return site{}, err
		}
		if e == nil {
			return site{}, fmt.Errorf("endpoint %s went away", name)
		}
		s, err := siteOf(tx, e)
		if err != nil {
			return site{}, err
		}
		was = e.Status
		before := configsOf(e)
		late := e.Status != gnomon.EndpointRollingBack && r.left(e) <= 0
		changed := s.advance(instances, late, now())
		is = e.Status
		r.publish(name, s, instances)
		if s.mirrors() {
			e.Mirrored, changed = s.overlay().ID, true
		}
		if !changed {
			return s, nil
		}
		if err := tx.Endpoints.Put(e); err != nil {
			return site{}, err
		}
		return s, r.plane.collect(tx, before...)
	})
	if err != nil {
		return site{}, err
	}
	if was != is {
		r.log.Info("endpoint", "name", s.e.Name, "from", was, "to", is, "reason", s.e.FailureReason)
		r.plane.Endpoints.Wake(name) // what comes next may be possible already
	}
	return s, r.plane.wakeExperiments(ctx, s.e.Name)
}

// publish tells the router of an endpoint that is or has been in service.
func (r *EndpointReconciler) publish(name string, s site, instances map[gnomon.InstanceID]gnomon.Instance) {
	if s.e.Live == nil {
		return
	}
	route := s.route(instances)
	r.board.put(name, route)
	if !slices.ContainsFunc(route.Production, func(v gnomon.VariantRoute) bool { return len(v.Instances) == 0 }) {
		r.boot.serves(name)
	}
}

func (r *EndpointReconciler) instances(endpointID string) map[gnomon.InstanceID]gnomon.Instance {
	all := make(map[gnomon.InstanceID]gnomon.Instance)
	for _, i := range r.hosts.Instances() {
		if i.EndpointID == endpointID {
			all[i.ID] = i
		}
	}
	return all
}

// stop ends the instances of the endpoint that are not to be kept, once no request is with them and they have been of
// no use since before. One of them that failed goes at once: it must not be found by a change that asks for it anew. An
// instance to be kept that failed is ended too, after a pause, so that it is started again.
func (r *EndpointReconciler) stop(ctx context.Context, s site, keep map[gnomon.InstanceID]gnomon.Class, before time.Time) (time.Duration, error) {
	var again time.Duration
	for id, i := range r.instances(s.e.ID) {
		limit := before
		switch _, kept := keep[id]; {
		case kept && i.State == gnomon.InstanceFailed:
			limit = time.Now().Add(-retryFailed)
		case kept:
			delete(r.since, id)
			continue
		case i.State == gnomon.InstanceFailed:
			limit = time.Time{}
		}
		wait, err := r.release(ctx, i, limit)
		if err != nil {
			return 0, err
		}
		again = sooner(again, wait)
	}
	return again, nil
}

// release ends one instance if it may be ended already, and otherwise says when to look again.
func (r *EndpointReconciler) release(ctx context.Context, i gnomon.Instance, before time.Time) (time.Duration, error) {
	if i.State == gnomon.InstanceStopping {
		return 0, nil
	}
	if _, ok := r.since[i.ID]; !ok {
		r.since[i.ID] = time.Now()
	}
	if wait := r.since[i.ID].Sub(before); wait > 0 && !before.IsZero() {
		return wait, nil
	}
	if r.router.InFlight(i.ID) > 0 {
		return drainLook, nil
	}
	delete(r.since, i.ID)
	if err := r.hosts.Stop(ctx, i.ID); err != nil {
		return 0, fmt.Errorf("stop instance %s: %w", i.ID, err)
	}
	return 0, nil
}

// remove takes the route and the instances away and then, when nothing is left, the endpoint's row.
func (r *EndpointReconciler) remove(ctx context.Context, name string, s site) (time.Duration, error) {
	r.board.drop(name)
	if again, err := r.stop(ctx, s, nil, time.Time{}); err != nil || again > 0 {
		return again, err
	}
	if len(r.instances(s.e.ID)) > 0 {
		return resync, nil // the host tells when they have ended
	}
	err := r.plane.Store.Do(ctx, func(tx *gnomon.Tx) error {
		if err := tx.Tags.Set(r.plane.Rules.Partition.ARN("endpoint", string(s.e.Name)), nil); err != nil {
			return err
		}
		if err := tx.Endpoints.Delete(name); err != nil {
			return err
		}
		return r.plane.collect(tx, configsOf(s.e)...)
	})
	if err != nil {
		return 0, err
	}
	r.names.Delete(s.e.ID)
	r.boot.serves(name) // it is not waited for any more
	r.log.Info("endpoint", "name", s.e.Name, "from", gnomon.EndpointDeleting, "to", "gone")
	return 0, r.plane.wakeExperiments(ctx, s.e.Name)
}

// stopStrays ends instances of endpoints that do not exist, which a host may have found when it started.
func (r *EndpointReconciler) stopStrays(ctx context.Context) (time.Duration, error) {
	known, err := do(ctx, r.plane.Store, func(tx *gnomon.Tx) ([]string, error) {
		all, _, err := tx.Endpoints.List(gnomon.Query{})
		var known []string
		for _, e := range all {
			known = append(known, e.ID)
		}
		return known, err
	})
	if err != nil {
		return 0, err
	}
	var again time.Duration
	for _, i := range r.hosts.Instances() {
		if slices.Contains(known, i.EndpointID) {
			continue
		}
		wait, err := r.release(ctx, i, time.Time{})
		if err != nil {
			return 0, err
		}
		again = sooner(again, wait)
	}
	return again, nil
}

// sooner returns the shorter of two pauses, where 0 means none.
func sooner(a, b time.Duration) time.Duration {
	if a <= 0 || (b > 0 && b < a) {
		return max(b, 0)
	}
	return a
}

// wakeExperiments wakes the experiments on an endpoint that are under way.
func (p *Plane) wakeExperiments(ctx context.Context, name gnomon.EndpointName) error {
	return p.Store.Do(ctx, func(tx *gnomon.Tx) error {
		all, err := on(tx, name)
		for _, x := range all {
			p.Experiments.Wake(string(x.Name))
		}
		return err
	})
}
