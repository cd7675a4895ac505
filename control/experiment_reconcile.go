package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"gnomon"
)

// An ExperimentReconciler takes experiments through their lives: it lays overlays over endpoints when their time comes,
// and lifts them when it is over. It alone changes an experiment's status, but for what the operations themselves do.
type ExperimentReconciler struct {
	plane    *Plane
	accounts Accounts
	log      *slog.Logger
}

// NewExperimentReconciler returns a reconciler that freezes the numbers of ended experiments in accounts.
func NewExperimentReconciler(p *Plane, accounts Accounts) *ExperimentReconciler {
	return &ExperimentReconciler{plane: p, accounts: accounts, log: p.Log}
}

// Run reconciles until ctx ends.
func (r *ExperimentReconciler) Run(ctx context.Context) error {
	return runWithResync(ctx, r.plane.Experiments, r.log, r.wakeAll, r.reconcile)
}

func (r *ExperimentReconciler) wakeAll(ctx context.Context) error {
	return r.plane.Store.Do(ctx, func(tx *gnomon.Tx) error {
		all, err := open(tx, gnomon.Query{})
		for _, x := range all {
			r.plane.Experiments.Wake(string(x.Name))
		}
		return err
	})
}

// A scene is an experiment beside its endpoint at one moment, inside a transaction.
type scene struct {
	plane *Plane
	tx    *gnomon.Tx
	x     *gnomon.Experiment
	e     *gnomon.Endpoint // nil: gone, or another one of the same name
	at    time.Time

	frozen bool // the experiment's numbers are final
}

func (r *ExperimentReconciler) reconcile(ctx context.Context, name string) (time.Duration, error) {
	frozen, err := r.freeze(ctx, name)
	if err != nil {
		return 0, err
	}
	var was, is gnomon.ExperimentStatus
	var changed, deleting bool
	var endpoint gnomon.EndpointName
	var reason string
	again, err := do(ctx, r.plane.Store, func(tx *gnomon.Tx) (time.Duration, error) {
		x, err := tx.Experiments.Get(name)
		if err != nil {
			return 0, err
		}
		was, endpoint, changed = x.Status, x.Endpoint, false
		sc, err := r.scene(tx, x)
		if err != nil {
			return 0, err
		}
		sc.frozen = frozen
		before := *x
		again, err := sc.step()
		if err != nil {
			return 0, err
		}
		is, reason = x.Status, x.Reason
		deleting = sc.e != nil && sc.e.Status == gnomon.EndpointDeleting
		if changed = !reflect.DeepEqual(before, *x); !changed {
			return again, nil
		}
		x.ModifiedAt = sc.at
		return again, tx.Experiments.Put(x)
	})
	if err != nil {
		return 0, ignoreGone(err)
	}
	if was != is {
		r.log.Info("experiment", "name", name, "from", was, "to", is, "reason", reason)
	}
	if changed || deleting {
		r.plane.Endpoints.Wake(fold(endpoint))
	}
	if changed {
		r.plane.Experiments.Wake(name)
	}
	return again, nil
}

func (r *ExperimentReconciler) scene(tx *gnomon.Tx, x *gnomon.Experiment) (scene, error) {
	e, err := r.plane.found(tx, x.Endpoint)
	if err != nil {
		return scene{}, err
	}
	if e != nil && e.ID != x.EndpointID {
		e = nil
	}
	return scene{plane: r.plane, tx: tx, x: x, e: e, at: now()}, nil
}

// freeze makes the numbers of an experiment final before its end is announced, so that nobody who sees the end sees
// numbers that still move. It reports whether they are.
func (r *ExperimentReconciler) freeze(ctx context.Context, name string) (bool, error) {
	x, err := do(ctx, r.plane.Store, func(tx *gnomon.Tx) (*gnomon.Experiment, error) {
		x, err := tx.Experiments.Get(name)
		if err != nil || x.Status != gnomon.Stopping {
			return nil, ignoreGone(err)
		}
		sc, err := r.scene(tx, x)
		if err != nil || !sc.restored() {
			return nil, err
		}
		return x, nil
	})
	if err != nil || x == nil {
		return false, err
	}
	if err := r.accounts.Freeze(ctx, x.Mirror()); err != nil {
		return false, fmt.Errorf("freeze the numbers of %s: %w", name, err)
	}
	return true, nil
}

// step does the next thing for the experiment and says when to look again.
func (s scene) step() (time.Duration, error) {
	if s.x.Status.Final() {
		return 0, nil
	}
	if s.x.Status != gnomon.Stopping {
		if reason := s.trouble(); reason != "" {
			s.fail(reason)
			return 0, nil
		}
	}
	switch s.x.Status {
	case gnomon.Creating:
		return s.creating()
	case gnomon.Created:
		return s.created()
	case gnomon.Starting:
		return s.starting()
	case gnomon.Running:
		return s.running(), nil
	case gnomon.Updating:
		return s.updating(), nil
	default:
		return s.stopping()
	}
}

// trouble returns why the experiment cannot go on; empty: it can.
func (s scene) trouble() string {
	switch o := s.x.Overlay; {
	case s.e == nil || s.e.Status == gnomon.EndpointDeleting:
		return fmt.Sprintf("Endpoint %q does not exist any more.", s.x.Endpoint)
	case s.e.Status == gnomon.EndpointFailed:
		return s.e.FailureReason
	case o != nil && s.e.FailedOverlay == o.ID:
		return s.e.FailureReason
	}
	return ""
}

func (s scene) fail(reason string) {
	end(s.x, gnomon.Ending{Status: gnomon.Cancelled, Outcome: gnomon.Failed, Reason: reason})
}

func (s scene) creating() (time.Duration, error) {
	if s.e.Live == nil {
		return 0, nil // the endpoint's reconciler wakes this one
	}
	if s.x.Schedule.Start.After(s.at) {
		s.x.Status = gnomon.Created
		return 0, nil
	}
	return s.begin()
}

func (s scene) created() (time.Duration, error) {
	if s.missed() {
		return 0, nil
	}
	if !s.at.Before(s.x.Schedule.Start) {
		s.x.Status = gnomon.Starting
		return 0, nil
	}
	lead := s.x.Schedule.Start.Add(-s.plane.Rules.StartLead)
	if s.at.Before(lead) {
		if s.x.Overlay != nil { // the start was put off
			s.x.Overlay = nil
			s.x.Generation++ // what is laid later is another overlay
		}
		return lead.Sub(s.at), nil
	}
	return s.x.Schedule.Start.Sub(s.at), s.lay()
}

func (s scene) starting() (time.Duration, error) { return s.begin() }

// begin starts to mirror once the shadow is deployed. It is Running once requests are copied, not before.
func (s scene) begin() (time.Duration, error) {
	if s.missed() {
		return 0, nil
	}
	if err := s.lay(); err != nil {
		return 0, err
	}
	if s.x.Status == gnomon.Stopping {
		return 0, nil
	}
	if !s.deployed() {
		return s.x.Schedule.End.Sub(s.at), nil
	}
	if o := *s.x.Overlay; !o.Mirror {
		o.Mirror = true
		s.x.Overlay = &o
	}
	if !s.mirrored() {
		return s.x.Schedule.End.Sub(s.at), nil
	}
	s.x.Status, s.x.Schedule.Start = gnomon.Running, s.at
	return 0, nil
}

// missed ends an experiment whose time is over before it began.
func (s scene) missed() bool {
	if s.at.Before(s.x.Schedule.End) {
		return false
	}
	s.fail(fmt.Sprintf("The scheduled time ended at %s before the experiment was running.", s.x.Schedule.End.Format(layout)))
	return true
}

// lay puts the overlay over the endpoint, unless it lies there, another experiment's does, or another one's time comes
// first. A change that is under way is waited for: it may yet be undone, and then the overlay would lie over, and hide,
// what never was in service.
func (s scene) lay() error {
	if s.x.Overlay != nil || s.e.Status != gnomon.EndpointInService {
		return nil // the endpoint's reconciler wakes this one
	}
	all, err := on(s.tx, s.x.Endpoint)
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.Name != s.x.Name && (o.Overlay != nil || o.Schedule.Start.Before(s.x.Schedule.Start)) {
			return nil // its end wakes this one, through the endpoint
		}
	}
	if reason := s.follow(); reason != "" {
		s.fail(reason)
		return nil
	}
	o := s.x.Lie(s.e.Base)
	err = s.plane.quota(s.tx, more(s.e.Wanted(nil).Instances(), s.e.Wanted(o).Instances()))
	if errors.Is(err, gnomon.Limit) {
		s.fail(err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	s.x.Overlay = o
	return s.plane.face(s.tx, s.x, s.e)
}

// follow takes over what the endpoint's owner changed since the experiment was made. It returns why the experiment does
// not fit any more; empty: it does.
func (s scene) follow() string {
	own := s.e.Wanted(nil).Production
	if len(own) != 1 || own[0].Name != s.x.Production.Name {
		return fmt.Sprintf("Endpoint %q was changed: its one production variant is not %q any more.", s.x.Endpoint, s.x.Production.Name)
	}
	if !s.x.ProductionGiven {
		s.x.Production = own[0]
	}
	return ""
}

// deployed reports whether the endpoint is in service with the overlay as it is now.
func (s scene) deployed() bool {
	return s.x.Overlay != nil && s.e.Overlay == s.x.Overlay.ID && s.e.Status == gnomon.EndpointInService
}

// mirrored reports whether the copying is as the overlay asks for it.
func (s scene) mirrored() bool {
	return s.x.Overlay == nil || !s.x.Overlay.Mirror || s.e.Mirrored == s.x.Overlay.ID
}

func (s scene) running() time.Duration {
	if s.x.Settings.AutoStop {
		if why := s.plane.Verdicts.Worse(s.x.Mirror()); why != "" {
			s.x.Schedule.End = s.at
			end(s.x, gnomon.Ending{Status: gnomon.Cancelled, Outcome: gnomon.Stopped, Reason: "Stopped by the tag " + gnomon.TagAutoStop + ", since the shadow was found to be worse. " + why})
			return 0
		}
	}
	if left := s.x.Schedule.End.Sub(s.at); left > 0 {
		return left
	}
	end(s.x, gnomon.Ending{Status: gnomon.Completed, Outcome: gnomon.Expired})
	return 0
}

// updating goes back to where the update came from, once it is deployed.
func (s scene) updating() time.Duration {
	if s.x.Overlay != nil && !s.deployed() || !s.mirrored() {
		return 0
	}
	s.x.Status, s.x.Resume = s.x.Resume, ""
	return 0
}

// stopping waits until the endpoint is as the experiment leaves it. An overlay that is kept is lifted when the endpoint
// has made it its own. One that cannot be deployed, or not be lifted, makes the end a failure.
func (s scene) stopping() (time.Duration, error) {
	x := s.x
	if s.e != nil && s.e.FailedOverlay == x.OverlayID() && x.Ending.Outcome != gnomon.Failed {
		s.fail(s.e.FailureReason)
		return 0, nil
	}
	if x.Overlay != nil {
		if s.e == nil || s.e.Adopted == x.Overlay.ID {
			x.Overlay = nil
		}
		return 0, nil
	}
	if s.e != nil && s.e.Status == gnomon.EndpointFailed && x.MadeEndpoint {
		return 0, markDeleting(s.tx, s.e) // it was made for the experiment and never served
	}
	if !s.restored() {
		return 0, nil
	}
	if !s.frozen {
		return time.Microsecond, nil // it was restored only just now: freeze first
	}
	x.Status, x.Outcome, x.CompletedAt = x.Ending.Status, x.Ending.Outcome, s.at
	if x.Outcome != gnomon.Failed && x.Schedule.End.After(s.at) {
		x.Schedule.End = s.at
	}
	return 0, s.plane.collect(s.tx, generated(*x)...)
}

// restored reports whether nothing of the experiment is left on the endpoint but what it is to keep. On one that never
// served there was nothing, and its owner can only delete it once the experiment has ended.
func (s scene) restored() bool {
	if s.e == nil || s.e.Status == gnomon.EndpointFailed {
		return true
	}
	return s.x.Overlay == nil && !strings.HasPrefix(s.e.Overlay, s.x.ID) && s.e.Status == gnomon.EndpointInService
}
