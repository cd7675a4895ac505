package control

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"gnomon"
)

// An ExperimentUpdate changes an experiment. What is nil or zero stays as it is.
type ExperimentUpdate struct {
	Name        gnomon.ExperimentName
	Description *string
	Schedule    gnomon.Schedule
	Variants    []gnomon.Variant
	Shadowing   *Shadowing
	Capture     *gnomon.DataCapture

	// Accept returns the experiment's accepted request with the update in it. Only the wire's face knows how.
	Accept func(json.RawMessage) (json.RawMessage, error)
}

// Shadowing names the variants of an experiment and how much is copied.
type Shadowing struct {
	Source, Shadow  gnomon.VariantName
	SamplingPercent int
}

// Update changes an experiment that has not begun, or runs. A member that may not change any more is accepted when it
// says what is so already, since some clients always send all of them.
func (s Experiments) Update(ctx context.Context, u ExperimentUpdate) (*gnomon.Experiment, error) {
	if err := s.runnable(ctx, u.Variants); err != nil {
		return nil, err
	}
	x, err := do(ctx, s.Plane.Store, func(tx *gnomon.Tx) (*gnomon.Experiment, error) {
		x, err := s.legal(tx, u.Name, gnomon.UpdateExperiment)
		if err != nil {
			return nil, err
		}
		if err := s.apply(tx, x, u); err != nil {
			return nil, err
		}
		accepted, err := u.Accept(x.Accepted)
		if err != nil {
			return nil, err
		}
		x.Accepted = accepted
		x.Resume, x.Status, x.ModifiedAt = x.Status, gnomon.Updating, now()
		return x, tx.Experiments.Put(x)
	})
	if err != nil {
		return nil, err
	}
	s.Plane.Endpoints.Wake(fold(x.Endpoint))
	s.Plane.Experiments.Wake(string(x.Name))
	return x, nil
}

func (s Experiments) apply(tx *gnomon.Tx, x *gnomon.Experiment, u ExperimentUpdate) error {
	before := *x
	if u.Description != nil {
		x.Description = *u.Description
	}
	reschedule, change := rescheduleCreated, s.changeCreated
	if x.Status == gnomon.Running {
		reschedule, change = rescheduleRunning, s.changeRunning
	}
	if err := reschedule(x, u.Schedule, now()); err != nil {
		return err
	}
	if err := change(tx, x, u); err != nil {
		return err
	}
	if err := x.Refit(); err != nil {
		return err
	}
	e, err := s.Plane.found(tx, x.Endpoint)
	if err != nil {
		return err
	}
	if e != nil && e.ID == x.EndpointID {
		if err := s.alone(tx, x, e); err != nil {
			return err
		}
	}
	return s.Plane.relay(tx, &before, x)
}

// relay replaces the overlay of an experiment that was changed, if it has one and the change is to be deployed.
func (p *Plane) relay(tx *gnomon.Tx, before, x *gnomon.Experiment) error {
	e, err := p.found(tx, x.Endpoint)
	if err != nil {
		return err
	}
	if e == nil || e.ID != x.EndpointID || sameLie(before, x, e) {
		return nil // without its endpoint, the reconciler ends it
	}
	return p.lieAnew(tx, x, e)
}

// sameLie reports whether the two lie over the endpoint alike, so that nothing needs to be deployed.
func sameLie(a, b *gnomon.Experiment, e *gnomon.Endpoint) bool {
	return a.VariantsAt.Equal(b.VariantsAt) && a.SampledPercent() == b.SampledPercent() &&
		e.Base.With(a.Lie(e.Base)).Revision() == e.Base.With(b.Lie(e.Base)).Revision()
}

// lieAnew replaces the overlay of an experiment that has one by that of its next generation.
func (p *Plane) lieAnew(tx *gnomon.Tx, x *gnomon.Experiment, e *gnomon.Endpoint) error {
	old := x.Overlay
	if old == nil {
		return nil
	}
	x.Generation++
	o := x.Lie(e.Base)
	o.Mirror = old.Mirror
	x.Overlay = o
	if err := p.quota(tx, more(e.Wanted(old).Instances(), e.Wanted(o).Instances())); err != nil {
		return err
	}
	return p.face(tx, x, e)
}

// face generates the EndpointConfig of the experiment's overlay. What the experiment does not name is carried over from
// the config that the endpoint has.
func (p *Plane) face(tx *gnomon.Tx, x *gnomon.Experiment, e *gnomon.Endpoint) error {
	base, err := tx.EndpointConfigs.Get(string(e.Base.Config))
	var accepted json.RawMessage
	if err == nil {
		accepted = base.Accepted
	}
	return p.generate(tx, x, e.Base.With(x.Overlay), accepted)
}

func rescheduleCreated(x *gnomon.Experiment, given gnomon.Schedule, at time.Time) error {
	if given.Start.IsZero() && given.End.IsZero() {
		return nil
	}
	next := x.Schedule
	if !given.Start.IsZero() {
		next.Start = given.Start
	}
	if !given.End.IsZero() {
		next.End = given.End
	}
	next, err := next.Resolve(at)
	if err != nil {
		return err
	}
	asked := given
	if asked.Start.IsZero() {
		asked.Start = x.Planned.Start
	}
	x.Schedule, x.Planned = next, planned(asked, next)
	return nil
}

// planned returns what was asked for, of which resolved is what came. A start that was past by then stays on record:
// clients that always send the whole schedule repeat it.
func planned(asked, resolved gnomon.Schedule) gnomon.Schedule {
	if !asked.Start.IsZero() {
		resolved.Start = asked.Start
	}
	return resolved
}

func rescheduleRunning(x *gnomon.Experiment, given gnomon.Schedule, at time.Time) error {
	if !given.Start.IsZero() && !sameSecond(given.Start, x.Schedule.Start) && !sameSecond(given.Start, x.Planned.Start) {
		return gnomon.Errorf(gnomon.Invalid, "Schedule.StartTime cannot be changed while inference experiment %q is Running: it started at %s.", x.Name, x.Schedule.Start.Format(layout))
	}
	if given.End.IsZero() || sameSecond(given.End, x.Schedule.End) {
		return nil
	}
	next := gnomon.Schedule{Start: x.Schedule.Start, End: given.End}
	if err := next.Check(at); err != nil {
		return err
	}
	x.Schedule, x.Planned.End = next, next.End
	return nil
}

// sameSecond compares as clients do that send whole seconds only.
func sameSecond(a, b time.Time) bool { return a.Unix() == b.Unix() }

// changeCreated applies what may change before the start: the shadow variant, the sampling and the data capture.
func (s Experiments) changeCreated(tx *gnomon.Tx, x *gnomon.Experiment, u ExperimentUpdate) error {
	shadow := x.Shadow.Name
	if m := u.Shadowing; m != nil {
		if m.Source != x.Production.Name {
			return gnomon.Errorf(gnomon.Invalid, "ShadowModeConfig.SourceModelVariantName cannot be changed: it is %q.", x.Production.Name)
		}
		if m.Shadow == m.Source {
			return gnomon.Errorf(gnomon.Invalid, "ShadowModeConfig names the variant %q both as SourceModelVariantName and as ShadowModelVariantName. They must differ.", m.Source)
		}
		x.SamplingPercent, shadow = m.SamplingPercent, m.Shadow
	}
	if u.Capture != nil {
		if err := s.Plane.Rules.role(x.Role, gnomon.WriteCaptures); err != nil {
			return err
		}
		if err := s.Plane.checkCapture(u.Capture); err != nil {
			return err
		}
		x.Capture = new(*u.Capture)
		x.Capture.Role = x.Role // it cannot be changed, so the update does not name it
	}
	if len(u.Variants) == 0 {
		x.Shadow.Name = shadow
		return nil
	}
	next := *x
	next.Shadow = gnomon.Variant{Name: shadow}
	if err := s.settle(tx, &next, u.Variants); err != nil {
		return err
	}
	if !sameVariants(next.Production, x.Production) {
		return gnomon.Errorf(gnomon.Invalid, "ModelVariants changes the production variant %q. Only the shadow variant can be changed.", x.Production.Name)
	}
	if next.Shadow.Model == "" {
		next.Shadow, next.Shadow.Name = x.Shadow, shadow
	}
	if err := noInferentia([]gnomon.Variant{next.Shadow}); err != nil {
		return err
	}
	if !sameVariants(next.Shadow, x.Shadow) {
		x.VariantsAt = now()
	}
	x.Shadow = next.Shadow
	return nil
}

// changeRunning applies the sampling percentage, and refuses whatever else differs from what is.
func (s Experiments) changeRunning(tx *gnomon.Tx, x *gnomon.Experiment, u ExperimentUpdate) error {
	e, err := s.Plane.found(tx, x.Endpoint)
	if err != nil {
		return err
	}
	for _, v := range u.Variants {
		if !sameVariants(v, x.Production) && !sameVariants(v, x.Shadow) && !deployedAs(e, x, v) {
			return gnomon.Errorf(gnomon.Invalid, "ModelVariants cannot be changed while inference experiment %q is Running: variant %q differs. Only Description, SamplingPercentage and Schedule.EndTime can be.", x.Name, v.Name)
		}
	}
	if u.Capture != nil && (x.Capture == nil || !sameCapture(*u.Capture, *x.Capture)) {
		return gnomon.Errorf(gnomon.Invalid, "DataStorageConfig cannot be changed while inference experiment %q is Running. Only Description, SamplingPercentage and Schedule.EndTime can be.", x.Name)
	}
	if m := u.Shadowing; m != nil {
		if m.Source != x.Production.Name || m.Shadow != x.Shadow.Name {
			return gnomon.Errorf(gnomon.Invalid, "The variant names in ShadowModeConfig cannot be changed while inference experiment %q is Running: they are %q and %q.", x.Name, x.Production.Name, x.Shadow.Name)
		}
		x.SamplingPercent = m.SamplingPercent
	}
	return nil
}

// deployedAs reports whether v is a variant as the endpoint has it, where its owner may have scaled it.
func deployedAs(e *gnomon.Endpoint, x *gnomon.Experiment, v gnomon.Variant) bool {
	if e == nil || e.ID != x.EndpointID {
		return false
	}
	actual, _, ok := e.Wanted(x.Overlay).Variant(v.Name)
	return ok && sameVariants(v, actual)
}

// sameVariants compares what an experiment can say of a variant.
func sameVariants(a, b gnomon.Variant) bool {
	return a.Name == b.Name && a.Model == b.Model && a.InstanceType == b.InstanceType && a.Count == b.Count
}

func sameCapture(a, b gnomon.DataCapture) bool {
	return a.Destination == b.Destination && a.KmsKey == b.KmsKey &&
		slices.Equal(a.CSVContentTypes, b.CSVContentTypes) && slices.Equal(a.JSONContentTypes, b.JSONContentTypes)
}

// Start begins an experiment ahead of its schedule.
func (s Experiments) Start(ctx context.Context, name gnomon.ExperimentName) (*gnomon.Experiment, error) {
	x, err := do(ctx, s.Plane.Store, func(tx *gnomon.Tx) (*gnomon.Experiment, error) {
		x, err := s.legal(tx, name, gnomon.StartExperiment)
		if err != nil {
			return nil, err
		}
		x.Schedule = x.Schedule.StartNow(now())
		e, err := s.Plane.found(tx, x.Endpoint)
		if err != nil {
			return nil, err
		}
		if e != nil {
			if err := s.alone(tx, x, e); err != nil {
				return nil, err
			}
		}
		x.Status, x.ModifiedAt = gnomon.Starting, now()
		return x, tx.Experiments.Put(x)
	})
	if err != nil {
		return nil, err
	}
	s.Plane.Experiments.Wake(string(x.Name))
	return x, nil
}
