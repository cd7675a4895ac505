package control

import (
	"fmt"
	"maps"
	"reflect"
	"time"

	"gnomon"
)

// mirrors reports whether the copying that the overlay asks for has begun and is not recorded yet.
func (s site) mirrors() bool {
	o := s.overlay()
	return o != nil && o.Mirror && s.e.Overlay == o.ID && s.e.Mirrored != o.ID
}

// longestDeployment bounds a deployment that its owner does not bound, so that none is under way for ever. By the limits
// of AWS's API an instance may take two hours to download and start.
const longestDeployment = 3 * time.Hour

// advance is the rule behind [EndpointReconciler.advance]; late: the deployment has used up its time. It reports whether
// it changed the endpoint.
func (s site) advance(instances map[gnomon.InstanceID]gnomon.Instance, late bool, at time.Time) bool {
	e := s.e
	if !e.Status.Busy() || e.Status == gnomon.EndpointDeleting {
		return false
	}
	want := s.wanted()
	if reason := s.broken(want, instances, late); reason != "" {
		s.fail(reason, at)
		return true
	}
	if !ready(want, e, instances) {
		return false
	}
	s.commit(want, at)
	return true
}

// commit makes what is wanted what is live.
func (s site) commit(want gnomon.EndpointSpec, at time.Time) {
	e := s.e
	failed := e.Status == gnomon.EndpointRollingBack || s.rejected()
	e.Live, e.Overlay = &want, ""
	if o := s.overlay(); o != nil && !s.rejected() {
		e.Overlay = o.ID
		if o.Adopt {
			e.Base, e.Scalings, e.Adopted = want, nil, o.ID
		}
	}
	base := e.Base
	e.LiveBase, e.LiveScalings = &base, maps.Clone(e.Scalings)
	e.Status, e.ModifiedAt, e.DeployingSince = gnomon.EndpointInService, at, time.Time{}
	if !failed {
		e.FailureReason = ""
	}
}

// fail puts the blame where it belongs: on the endpoint itself, on the overlay that is new, or on the owner's change.
// What is left is an endpoint that cannot go back to what it was before an experiment: the production variant that serves
// becomes its own.
func (s site) fail(reason string, at time.Time) {
	e, o := s.e, s.overlay()
	switch {
	case e.Live == nil:
		e.Status, e.DeployingSince = gnomon.EndpointFailed, time.Time{}
	case o != nil && o.ID != e.Overlay:
		e.FailedOverlay = o.ID
		e.Status, e.DeployingSince = gnomon.EndpointInService, time.Time{}
	case e.Base.Revision() != e.LiveBase.Revision() || !reflect.DeepEqual(e.Scalings, e.LiveScalings):
		e.Base, e.Scalings = *e.LiveBase, e.LiveScalings
		e.Status, e.DeployingSince = gnomon.EndpointRollingBack, at
	default:
		e.FailedOverlay = e.Overlay
		e.Base.Config, e.Base.Production, e.Base.Shadows, e.Scalings = e.Live.Config, e.Live.Production, nil, nil
		e.Status, e.DeployingSince = gnomon.EndpointRollingBack, at
	}
	e.FailureReason, e.ModifiedAt = reason, at
}

// broken returns why what is wanted cannot be had; empty: nothing says so yet. An instance that belongs to what is live
// does not count: it is not the change that broke it.
func (s site) broken(want gnomon.EndpointSpec, instances map[gnomon.InstanceID]gnomon.Instance, late bool) string {
	for id := range fresh(s.e, want) {
		if i, ok := instances[id]; ok && i.State == gnomon.InstanceFailed && i.Failure != nil {
			return i.Failure.Reason(i.Variant)
		}
	}
	switch limit := s.e.Deployment.MaximumExecutionTime; {
	case late && limit > 0:
		return fmt.Sprintf("The deployment did not finish within MaximumExecutionTimeoutInSeconds (%d).", int(limit.Seconds()))
	case late:
		return fmt.Sprintf("The deployment did not finish within %s.", longestDeployment)
	}
	return ""
}

// ready reports whether every instance of the spec is in service. Instances that are live already are not waited for:
// one that is just being restarted must not hold up a change.
func ready(want gnomon.EndpointSpec, e *gnomon.Endpoint, instances map[gnomon.InstanceID]gnomon.Instance) bool {
	for id := range fresh(e, want) {
		if instances[id].State != gnomon.InstanceInService {
			return false
		}
	}
	return true
}

// fresh returns the instances of the spec that are not live yet, or live as a shadow only: production must not go to a
// shadow that is out of service.
func fresh(e *gnomon.Endpoint, want gnomon.EndpointSpec) map[gnomon.InstanceID]gnomon.Class {
	live := ids(e, e.Live)
	all := ids(e, &want)
	maps.DeleteFunc(all, func(id gnomon.InstanceID, c gnomon.Class) bool {
		is, ok := live[id]
		return ok && (is == c || is == gnomon.Production)
	})
	return all
}

// ids returns the instances that a spec consists of, and as what; none for nil.
func ids(e *gnomon.Endpoint, s *gnomon.EndpointSpec) map[gnomon.InstanceID]gnomon.Class {
	all := make(map[gnomon.InstanceID]gnomon.Class)
	if s == nil {
		return all
	}
	for _, f := range s.Fleets(e.ID, e.Name) {
		for _, id := range ordinals(f) {
			all[id] = f.Class
		}
	}
	return all
}

// keep returns the instances that are wanted or live.
func (s site) keep() map[gnomon.InstanceID]gnomon.Class {
	want := s.wanted()
	all := ids(s.e, s.e.Live)
	maps.Copy(all, ids(s.e, &want))
	return all
}
