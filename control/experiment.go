package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"gnomon"
)

// Experiments are the inference experiment resources.
type Experiments struct{ Plane *Plane }

// A NewExperiment is a request to make an experiment. Variants name their models; the rest is taken from there.
type NewExperiment struct {
	Name            gnomon.ExperimentName
	Description     string
	Role            string
	Endpoint        gnomon.EndpointName
	KmsKey          string
	Schedule        gnomon.Schedule
	Variants        []gnomon.Variant // one or two
	Source, Shadow  gnomon.VariantName
	SamplingPercent int
	Capture         *gnomon.DataCapture
	Tags            []gnomon.Tag
	Accepted        json.RawMessage
}

// An ExperimentView is an experiment beside its endpoint, which may be gone.
type ExperimentView struct {
	Experiment *gnomon.Experiment
	Endpoint   *gnomon.Endpoint
}

// Create makes an experiment, and its endpoint if there is none of that name. Everything that can be known to be wrong
// is refused now, and nothing is kept then.
func (s Experiments) Create(ctx context.Context, r NewExperiment) (*gnomon.Experiment, error) {
	if err := s.Free(ctx, r.Name); err != nil {
		return nil, err
	}
	x, err := s.plan(r)
	if err != nil {
		return nil, err
	}
	if err := s.runnable(ctx, r.Variants); err != nil {
		return nil, err
	}
	err = s.Plane.Store.Do(ctx, func(tx *gnomon.Tx) error {
		if err := s.place(tx, x, r.Variants); err != nil {
			return err
		}
		arn := s.arn(x.Name)
		if err := tx.Experiments.Insert(x); err != nil {
			return taken(err, "inference experiment", arn)
		}
		return tx.Tags.Set(arn, r.Tags)
	})
	if err != nil {
		return nil, err
	}
	s.Plane.Endpoints.Wake(fold(x.Endpoint))
	s.Plane.Experiments.Wake(string(x.Name))
	return x, nil
}

// Free returns an error that is InUse if the name is taken. That is told before anything else that may be wrong with a
// request.
func (s Experiments) Free(ctx context.Context, name gnomon.ExperimentName) error {
	return s.Plane.Store.Do(ctx, func(tx *gnomon.Tx) error {
		_, err := tx.Experiments.Get(string(name))
		if errors.Is(err, gnomon.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return gnomon.Errorf(gnomon.InUse, "Cannot create already existing inference experiment %q.", s.arn(name))
	})
}

// plan checks what can be checked without looking at anything else.
func (s Experiments) plan(r NewExperiment) (*gnomon.Experiment, error) {
	powers := []gnomon.Power{gnomon.ChangeEndpoints}
	if r.Capture != nil {
		powers = append(powers, gnomon.WriteCaptures)
	}
	if err := s.Plane.Rules.role(r.Role, powers...); err != nil {
		return nil, err
	}
	if err := s.Plane.checkCapture(r.Capture); err != nil {
		return nil, err
	}
	if err := s.Plane.checkKey("KmsKey", r.KmsKey); err != nil {
		return nil, err
	}
	if r.Source == r.Shadow {
		return nil, gnomon.Errorf(gnomon.Invalid, "ShadowModeConfig names the variant %q both as SourceModelVariantName and as ShadowModelVariantName. They must differ.", r.Source)
	}
	set, err := settings(r.Tags, r.SamplingPercent)
	if err != nil {
		return nil, err
	}
	t := now()
	schedule, err := r.Schedule.Resolve(t)
	if err != nil {
		return nil, err
	}
	return &gnomon.Experiment{
		Name: r.Name, ID: gnomon.NewID(), Description: r.Description, Role: r.Role, Endpoint: r.Endpoint, KmsKey: r.KmsKey,
		CreatedAt: t, ModifiedAt: t, VariantsAt: t, Schedule: schedule, Planned: planned(r.Schedule, schedule),
		Production: gnomon.Variant{Name: r.Source}, Shadow: gnomon.Variant{Name: r.Shadow},
		SamplingPercent: r.SamplingPercent, Settings: set, Capture: r.Capture, Status: gnomon.Creating, Accepted: r.Accepted,
	}, nil
}

// place finds or makes the endpoint and settles the experiment's variants on it.
func (s Experiments) place(tx *gnomon.Tx, x *gnomon.Experiment, given []gnomon.Variant) error {
	e, err := s.Plane.found(tx, x.Endpoint)
	if err != nil {
		return err
	}
	if err := s.settle(tx, x, given); err != nil {
		return err
	}
	if e == nil {
		return s.makeEndpoint(tx, x)
	}
	if e.Status == gnomon.EndpointFailed || e.Status == gnomon.EndpointDeleting {
		return gnomon.Errorf(gnomon.Invalid, "Endpoint %q is in status %s and cannot take an inference experiment.", s.Plane.Rules.Partition.ARN("endpoint", string(e.Name)), e.Status)
	}
	if err := s.alone(tx, x, e); err != nil {
		return err
	}
	x.Endpoint, x.EndpointID = e.Name, e.ID
	if err := fill(x, e); err != nil {
		return err
	}
	if err := noInferentia([]gnomon.Variant{x.Production, x.Shadow}); err != nil {
		return err
	}
	delta, err := s.delta(tx, x, e)
	if err != nil {
		return err
	}
	return s.Plane.quota(tx, delta)
}

// settle resolves the variants that the request gives.
func (s Experiments) settle(tx *gnomon.Tx, x *gnomon.Experiment, given []gnomon.Variant) error {
	seen := make(map[gnomon.VariantName]bool)
	for _, v := range given {
		if seen[v.Name] {
			return gnomon.Errorf(gnomon.Invalid, "The variant name %q was non-unique within the request.", v.Name)
		}
		seen[v.Name] = true
		if v.Count < 1 {
			return gnomon.Errorf(gnomon.Invalid, "InstanceCount of variant %q is %d. It must be at least 1.", v.Name, v.Count)
		}
		v, err := s.Plane.resolve(tx, v)
		if err != nil {
			return err
		}
		v.Weight = 1
		switch v.Name {
		case x.Production.Name:
			x.Production, x.ProductionGiven = v, true
		case x.Shadow.Name:
			x.Shadow = v
		default:
			return gnomon.Errorf(gnomon.Invalid, "ModelVariants names the variant %q, which ShadowModeConfig does not: its SourceModelVariantName is %q and its ShadowModelVariantName is %q.", v.Name, x.Production.Name, x.Shadow.Name)
		}
	}
	return nil
}

// fill takes a variant that the request does not give from the endpoint.
func fill(x *gnomon.Experiment, e *gnomon.Endpoint) error {
	own := e.Wanted(nil)
	if len(own.Production) > 1 {
		names := make([]gnomon.VariantName, len(own.Production))
		for i, v := range own.Production {
			names[i] = v.Name
		}
		return gnomon.Errorf(gnomon.Invalid, "Endpoint %q has %d production variants: %q. An inference experiment needs an endpoint with exactly one; move it to an endpoint configuration with one by UpdateEndpoint.", e.Name, len(names), names)
	}
	if own.Production[0].Name != x.Production.Name {
		return gnomon.Errorf(gnomon.Invalid, "SourceModelVariantName %q is not the production variant of endpoint %q, which is %q.", x.Production.Name, e.Name, own.Production[0].Name)
	}
	if !x.ProductionGiven {
		x.Production = own.Production[0]
	}
	if x.Shadow.Model != "" {
		return nil
	}
	v, class, ok := own.Variant(x.Shadow.Name)
	if !ok || class != gnomon.Shadow {
		return gnomon.Errorf(gnomon.Invalid, "ModelVariants does not give the shadow variant %q, and endpoint %q has no shadow variant of that name to take it from.", x.Shadow.Name, e.Name)
	}
	x.Shadow = v
	return nil
}

// alone refuses an experiment whose time overlaps with another's on the endpoint.
func (s Experiments) alone(tx *gnomon.Tx, x *gnomon.Experiment, e *gnomon.Endpoint) error {
	others, err := on(tx, e.Name)
	if err != nil {
		return err
	}
	for _, o := range others {
		if o.Name == x.Name || o.EndpointID != e.ID || !o.Schedule.Overlaps(x.Schedule) {
			continue
		}
		return gnomon.Errorf(gnomon.InUse, "Endpoint %q is in use by inference experiment %q (%s) from %s to %s, which overlaps with the schedule asked for.",
			s.Plane.Rules.Partition.ARN("endpoint", string(e.Name)), s.arn(o.Name), o.Status, o.Schedule.Start.Format(layout), o.Schedule.End.Format(layout))
	}
	return nil
}

const layout = "2006-01-02T15:04:05Z07:00"

// makeEndpoint makes the endpoint of an experiment that names none that exists, with its production variant only.
func (s Experiments) makeEndpoint(tx *gnomon.Tx, x *gnomon.Experiment) error {
	for _, v := range []gnomon.Variant{x.Production, x.Shadow} {
		if v.Model == "" {
			return gnomon.Errorf(gnomon.Invalid, "ModelVariants does not give the variant %q, and there is no endpoint %q to take it from.", v.Name, s.Plane.Rules.Partition.ARN("endpoint", string(x.Endpoint)))
		}
	}
	if err := noInferentia([]gnomon.Variant{x.Production, x.Shadow}); err != nil {
		return err
	}
	both := gnomon.EndpointSpec{Production: []gnomon.Variant{x.Production}, Shadows: []gnomon.Variant{x.Shadow}}
	if err := s.Plane.quota(tx, both.Instances()); err != nil {
		return err
	}
	x.Production.KmsKey = x.KmsKey
	spec := gnomon.EndpointSpec{Config: x.ConfigName(), Production: []gnomon.Variant{x.Production}, Capture: x.Capture, KmsKey: x.KmsKey}
	if err := s.Plane.generate(tx, x, spec, nil); err != nil {
		return err
	}
	spec.Capture = nil // it ends with the experiment
	e := newEndpoint(x.Endpoint, spec)
	e.MadeBy, x.EndpointID, x.MadeEndpoint = x.ID, e.ID, true
	x.Generation++
	return tx.Endpoints.Insert(e)
}

// generate keeps the EndpointConfig that is the face of a spec which x made. It may be called again with the same.
func (p *Plane) generate(tx *gnomon.Tx, x *gnomon.Experiment, spec gnomon.EndpointSpec, accepted json.RawMessage) error {
	cfg := &gnomon.EndpointConfig{Name: spec.Config, ID: gnomon.NewID(), CreatedAt: now(), Spec: spec, Experiment: x.ID, Accepted: accepted}
	err := tx.EndpointConfigs.Insert(cfg)
	if errors.Is(err, gnomon.InUse) {
		return nil // made by an earlier attempt: the name is a hash of what it is for
	}
	if err != nil {
		return err
	}
	arn := p.Rules.Partition.ARN("endpoint-config", string(spec.Config))
	return tx.Tags.Set(arn, []gnomon.Tag{{Key: "gnomon:inference-experiment", Value: p.Rules.Partition.ARN("inference-experiment", string(x.Name))}})
}

// delta returns how many more instances the endpoint has with the experiment than it has now, maybe under another one
// that is over by then.
func (s Experiments) delta(tx *gnomon.Tx, x *gnomon.Experiment, e *gnomon.Endpoint) (map[gnomon.InstanceType]int, error) {
	at, err := siteOf(tx, e)
	if err != nil {
		return nil, err
	}
	return more(at.wanted().Instances(), e.Wanted(x.Lie(e.Base)).Instances()), nil
}

// runnable checks that the variants' images can be run and that their files are still there. It reads from buckets and so
// is done before, and not inside, the transaction. A model that does not exist is left for the transaction to refuse.
func (s Experiments) runnable(ctx context.Context, variants []gnomon.Variant) error {
	for _, v := range variants {
		m, err := Models{s.Plane}.Get(ctx, v.Model)
		if errors.Is(err, gnomon.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.Plane.Images.CheckImage(m.Container.Image); err != nil {
			return gnomon.Errorf(gnomon.Invalid, "The image of variant %q cannot be run: %v", v.Name, err)
		}
		for _, a := range m.Container.Artifacts {
			if err := s.Plane.Artifacts.Check(ctx, a); err != nil {
				return &gnomon.Error{Code: gnomon.Invalid, Err: err, Message: fmt.Sprintf("Could not access model data of variant %q at %s: %v", v.Name, a.URI, err)}
			}
		}
	}
	return nil
}

// Get returns the experiment of that name.
func (s Experiments) Get(ctx context.Context, name gnomon.ExperimentName) (ExperimentView, error) {
	return do(ctx, s.Plane.Store, func(tx *gnomon.Tx) (ExperimentView, error) {
		x, err := s.find(tx, name)
		if err != nil {
			return ExperimentView{}, err
		}
		e, err := s.Plane.found(tx, x.Endpoint)
		return ExperimentView{Experiment: x, Endpoint: e}, err
	})
}

// List returns a page of the experiments.
func (s Experiments) List(ctx context.Context, q gnomon.Query) (Page[gnomon.Experiment], error) {
	return do(ctx, s.Plane.Store, func(tx *gnomon.Tx) (Page[gnomon.Experiment], error) { return list(tx.Experiments, q) })
}

// Delete removes an experiment that does not run, and its verdicts with the answers they show. Its endpoint, variants and captured
// data stay.
func (s Experiments) Delete(ctx context.Context, name gnomon.ExperimentName) error {
	var endpoint gnomon.EndpointName
	var mirror gnomon.MirrorID
	err := s.Plane.Store.Do(ctx, func(tx *gnomon.Tx) error {
		x, err := s.legal(tx, name, gnomon.DeleteExperiment)
		if err != nil {
			return err
		}
		endpoint, mirror = x.Endpoint, x.Mirror()
		if err := tx.Tags.Set(s.arn(x.Name), nil); err != nil {
			return err
		}
		if err := tx.Experiments.Delete(string(x.Name)); err != nil {
			return err
		}
		return s.Plane.collect(tx, generated(*x)...)
	})
	if err != nil {
		return err
	}
	s.Plane.Verdicts.Forget(mirror)
	s.Plane.Endpoints.Wake(fold(endpoint)) // a shadow deployed ahead of its start goes
	return nil
}

// legal returns the experiment if op may be asked of it now.
func (s Experiments) legal(tx *gnomon.Tx, name gnomon.ExperimentName, op gnomon.Operation) (*gnomon.Experiment, error) {
	x, err := s.find(tx, name)
	if err != nil {
		return nil, err
	}
	if !op.Legal(x.Status) {
		return nil, gnomon.Errorf(gnomon.Conflict, "%s is not allowed for inference experiment %q in status %s. It is allowed in %s.", op, s.arn(name), x.Status, anyOf(op.LegalIn()))
	}
	return x, nil
}

func anyOf(statuses []gnomon.ExperimentStatus) string {
	text := string(statuses[0])
	for i, s := range statuses[1:] {
		join := ", "
		if i == len(statuses)-2 {
			join = " or "
		}
		text += join + string(s)
	}
	return text
}

func (s Experiments) find(tx *gnomon.Tx, name gnomon.ExperimentName) (*gnomon.Experiment, error) {
	x, err := tx.Experiments.Get(string(name))
	return x, missing(err, "inference experiment", s.arn(name))
}

func (s Experiments) arn(name gnomon.ExperimentName) string {
	return s.Plane.Rules.Partition.ARN("inference-experiment", string(name))
}
