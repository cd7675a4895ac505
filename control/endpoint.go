package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gnomon"
)

// Endpoints are the endpoint resources.
type Endpoints struct{ Plane *Plane }

// Capturing reports whether what the endpoint is asked and answers is being kept.
func (s Endpoints) Capturing(e *gnomon.Endpoint) bool {
	return e.Live != nil && e.Live.Capture.Active() && s.Plane.Captures.Trouble(e.Live.Capture.Destination) == nil
}

// A Change is how an owner wants an endpoint to be made or updated.
type Change struct {
	Name       gnomon.EndpointName
	Config     gnomon.EndpointConfigName
	Deployment *gnomon.Deployment // nil: as before
	Accepted   json.RawMessage    // of the deployment
	Tags       []gnomon.Tag       // only when it is made

	// RetainProperties keeps what the owner set by UpdateEndpointWeightsAndCapacities, and the data capture, except what
	// the others name. Only for updates.
	RetainProperties                     bool
	DropCounts, DropWeights, DropCapture bool
}

// A View is an endpoint with the experiment that lies over it, if one does.
type View struct {
	Endpoint   *gnomon.Endpoint
	Experiment *gnomon.Experiment
}

// Wanted returns what the endpoint is to consist of.
func (v View) Wanted() gnomon.EndpointSpec { return site{e: v.Endpoint, x: v.Experiment}.wanted() }

// Create makes an endpoint from a config; it is Creating until all its instances are in service.
func (s Endpoints) Create(ctx context.Context, c Change) (*gnomon.Endpoint, error) {
	arn := s.Plane.Rules.Partition.ARN("endpoint", string(c.Name))
	e, err := do(ctx, s.Plane.Store, func(tx *gnomon.Tx) (*gnomon.Endpoint, error) {
		if _, err := tx.Endpoints.Get(string(c.Name)); err == nil {
			return nil, gnomon.Errorf(gnomon.InUse, "Cannot create already existing endpoint %q.", arn)
		}
		cfg, err := s.Plane.config(tx, c.Config)
		if err != nil {
			return nil, invalid(err)
		}
		if err := s.Plane.quota(tx, cfg.Spec.Instances()); err != nil {
			return nil, err
		}
		e := newEndpoint(c.Name, cfg.Spec)
		e.Accepted = c.Accepted
		if c.Deployment != nil {
			e.Deployment = *c.Deployment
		}
		if err := tx.Endpoints.Insert(e); err != nil {
			return nil, taken(err, "endpoint", arn)
		}
		return e, tx.Tags.Set(arn, c.Tags)
	})
	if err != nil {
		return nil, err
	}
	s.Plane.Endpoints.Wake(fold(c.Name))
	return e, nil
}

func newEndpoint(name gnomon.EndpointName, spec gnomon.EndpointSpec) *gnomon.Endpoint {
	t := now()
	return &gnomon.Endpoint{Name: name, ID: gnomon.NewID(), CreatedAt: t, ModifiedAt: t, DeployingSince: t, Base: spec, Status: gnomon.EndpointCreating}
}

// Get returns the endpoint of that name.
func (s Endpoints) Get(ctx context.Context, name gnomon.EndpointName) (View, error) {
	return do(ctx, s.Plane.Store, func(tx *gnomon.Tx) (View, error) {
		e, err := s.Plane.endpoint(tx, name)
		if err != nil {
			return View{}, err
		}
		at, err := siteOf(tx, e)
		return View{Endpoint: at.e, Experiment: at.x}, err
	})
}

// List returns a page of the endpoints.
func (s Endpoints) List(ctx context.Context, q gnomon.Query) (Page[gnomon.Endpoint], error) {
	return do(ctx, s.Plane.Store, func(tx *gnomon.Tx) (Page[gnomon.Endpoint], error) { return list(tx.Endpoints, q) })
}

// Update moves an endpoint to another config.
func (s Endpoints) Update(ctx context.Context, c Change) (*gnomon.Endpoint, error) {
	return s.change(ctx, c.Name, func(tx *gnomon.Tx, e *gnomon.Endpoint) error {
		if err := s.ungoverned(tx, e, "UpdateEndpoint"); err != nil {
			return err
		}
		cfg, err := s.Plane.config(tx, c.Config)
		if err != nil {
			return invalid(err)
		}
		if c.Config == e.Base.Config && cfg.Spec.Revision() == e.Base.Revision() {
			return gnomon.Errorf(gnomon.Invalid, "Cannot update endpoint %q with its own endpoint configuration %q. Name another one.", s.arn(e), c.Config)
		}
		before := e.Wanted(nil).Instances()
		retain(e, cfg.Spec, c)
		if c.Deployment != nil {
			e.Deployment, e.Accepted = *c.Deployment, c.Accepted
		}
		return s.Plane.quota(tx, more(before, e.Wanted(nil).Instances()))
	})
}

// retain moves e to spec with those of the owner's settings that are to be kept.
func retain(e *gnomon.Endpoint, spec gnomon.EndpointSpec, c Change) {
	old := e.Base
	kept := make(map[gnomon.VariantName]gnomon.Scaling)
	if c.RetainProperties {
		wanted := e.Wanted(nil)
		for _, v := range slices.Concat(wanted.Production, wanted.Shadows) {
			_, was, _ := wanted.Variant(v.Name)
			if _, is, ok := spec.Variant(v.Name); !ok || is != was {
				continue
			}
			var sc gnomon.Scaling
			if !c.DropCounts {
				sc.Count, sc.CountAt = new(v.Count), now()
			}
			if !c.DropWeights {
				sc.Weight = new(v.Weight)
			}
			kept[v.Name] = sc
		}
		if !c.DropCapture && old.Capture != nil {
			spec.Capture = old.Capture
		}
	}
	e.Base, e.Scalings = spec, kept
}

// A Scale is one variant's part of UpdateEndpointWeightsAndCapacities; nil leaves as is.
type Scale struct {
	Variant gnomon.VariantName
	Count   *int
	Weight  *float64
}

// Scale changes counts and weights. During an experiment the counts may change, and stay changed after it; the shadow's
// weight may not: the experiment's sampling percentage says it.
func (s Endpoints) Scale(ctx context.Context, name gnomon.EndpointName, scales []Scale) (*gnomon.Endpoint, error) {
	return s.change(ctx, name, func(tx *gnomon.Tx, e *gnomon.Endpoint) error {
		at, err := siteOf(tx, e)
		if err != nil {
			return err
		}
		if at.rejected() {
			return s.busy(e) // until its experiment has let go of what failed
		}
		before := at.wanted()
		if err := checkScales(before, scales); err != nil {
			return err
		}
		scalings := e.CloneScalings()
		for _, sc := range scales {
			if at.x != nil && sc.Weight != nil && sc.Variant == at.x.Shadow.Name {
				return gnomon.Errorf(gnomon.Invalid, "The weight of variant %q cannot be changed: it is the shadow variant of inference experiment %q. Use UpdateInferenceExperiment to change its SamplingPercentage.", sc.Variant, at.x.Name)
			}
			v := scalings[sc.Variant]
			if sc.Count != nil {
				v.Count, v.CountAt = sc.Count, now()
			}
			if sc.Weight != nil {
				v.Weight = sc.Weight
			}
			scalings[sc.Variant] = v
		}
		e.Scalings = scalings
		return s.Plane.quota(tx, more(before.Instances(), at.wanted().Instances()))
	})
}

func checkScales(spec gnomon.EndpointSpec, scales []Scale) error {
	var unknown []string
	seen := make(map[gnomon.VariantName]bool)
	for _, sc := range scales {
		if _, _, ok := spec.Variant(sc.Variant); !ok {
			unknown = append(unknown, string(sc.Variant))
		}
		if seen[sc.Variant] {
			return gnomon.Errorf(gnomon.Invalid, "The variant name %q was non-unique within the request.", sc.Variant)
		}
		seen[sc.Variant] = true
		if sc.Count != nil && *sc.Count < 1 {
			return gnomon.Errorf(gnomon.Invalid, "DesiredInstanceCount of variant %q is %d. It must be at least 1.", sc.Variant, *sc.Count)
		}
	}
	if len(unknown) > 0 {
		return gnomon.Errorf(gnomon.Invalid, "The variant name(s) %q is/are not present within endpoint configuration %q.", strings.Join(unknown, ", "), spec.Config)
	}
	return nil
}

// Delete begins to take an endpoint away; it is Deleting until nothing of it is left.
func (s Endpoints) Delete(ctx context.Context, name gnomon.EndpointName) error {
	err := s.Plane.Store.Do(ctx, func(tx *gnomon.Tx) error {
		e, err := s.Plane.endpoint(tx, name)
		if err != nil {
			return err
		}
		if err := s.ungoverned(tx, e, "DeleteEndpoint"); err != nil {
			return err
		}
		if e.Status.Busy() {
			return s.busy(e)
		}
		return markDeleting(tx, e)
	})
	if err != nil {
		return err
	}
	s.Plane.Endpoints.Wake(fold(name))
	return nil
}

func markDeleting(tx *gnomon.Tx, e *gnomon.Endpoint) error {
	if !e.Status.CanBecome(gnomon.EndpointDeleting) {
		return fmt.Errorf("delete endpoint %s: not from status %s", e.Name, e.Status)
	}
	e.Status, e.ModifiedAt = gnomon.EndpointDeleting, now()
	return tx.Endpoints.Put(e)
}

// change applies f to an endpoint that is in service, which is Updating from then on.
func (s Endpoints) change(ctx context.Context, name gnomon.EndpointName, f func(*gnomon.Tx, *gnomon.Endpoint) error) (*gnomon.Endpoint, error) {
	e, err := do(ctx, s.Plane.Store, func(tx *gnomon.Tx) (*gnomon.Endpoint, error) {
		e, err := s.Plane.endpoint(tx, name)
		if err != nil {
			return nil, err
		}
		if e.Status != gnomon.EndpointInService {
			return nil, s.busy(e)
		}
		if err := f(tx, e); err != nil {
			return nil, err
		}
		e.Status, e.ModifiedAt, e.DeployingSince = gnomon.EndpointUpdating, now(), now()
		return e, tx.Endpoints.Put(e)
	})
	if err != nil {
		return nil, err
	}
	s.Plane.Endpoints.Wake(fold(name))
	return e, nil
}

// ungoverned returns an error while an experiment has a say over the endpoint.
func (s Endpoints) ungoverned(tx *gnomon.Tx, e *gnomon.Endpoint, op string) error {
	x, err := governed(tx, e)
	if err != nil || x == nil {
		return err
	}
	return gnomon.Errorf(gnomon.Invalid, "%s is not possible on endpoint %q: inference experiment %q is in status %s on it. End it with StopInferenceExperiment first.", op, s.arn(e), x.Name, x.Status)
}

func (s Endpoints) busy(e *gnomon.Endpoint) error {
	if e.Status == gnomon.EndpointFailed {
		return gnomon.Errorf(gnomon.Invalid, "Cannot update endpoint %q in status Failed. Delete it and create it again.", s.arn(e))
	}
	return gnomon.Errorf(gnomon.Invalid, "Cannot update in-progress endpoint %q.", s.arn(e))
}

func (s Endpoints) arn(e *gnomon.Endpoint) string {
	return s.Plane.Rules.Partition.ARN("endpoint", string(e.Name))
}

func (p *Plane) endpoint(tx *gnomon.Tx, name gnomon.EndpointName) (*gnomon.Endpoint, error) {
	e, err := tx.Endpoints.Get(string(name))
	return e, missing(err, "endpoint", p.Rules.Partition.ARN("endpoint", string(name)))
}

// found returns the endpoint, or nil if there is none.
func (p *Plane) found(tx *gnomon.Tx, name gnomon.EndpointName) (*gnomon.Endpoint, error) {
	e, err := tx.Endpoints.Get(string(name))
	if errors.Is(err, gnomon.NotFound) {
		return nil, nil
	}
	return e, err
}
