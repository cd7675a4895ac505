package control

import (
	"context"
	"fmt"

	"gnomon"
)

// Stop ends an experiment early: a running one as the actions say, one that has not begun as if it had never been.
func (s Experiments) Stop(ctx context.Context, name gnomon.ExperimentName, stop gnomon.Stop) (*gnomon.Experiment, error) {
	x, err := do(ctx, s.Plane.Store, func(tx *gnomon.Tx) (*gnomon.Experiment, error) {
		x, err := s.legal(tx, name, gnomon.StopExperiment)
		if err != nil {
			return nil, err
		}
		out, err := stop.Outcome(x)
		if err != nil {
			return nil, err
		}
		if x.Status == gnomon.Created {
			err = s.cancel(x, stop, out)
		} else {
			err = s.finish(tx, x, stop, out)
		}
		if err != nil {
			return nil, err
		}
		return x, tx.Experiments.Put(x)
	})
	if err != nil {
		return nil, err
	}
	s.Plane.Endpoints.Wake(fold(x.Endpoint))
	s.Plane.Experiments.Wake(string(x.Name))
	return x, nil
}

// cancel ends an experiment that has not begun.
func (s Experiments) cancel(x *gnomon.Experiment, stop gnomon.Stop, out gnomon.Outcome) error {
	if out != gnomon.Stopped {
		return gnomon.Errorf(gnomon.Conflict, "StopInferenceExperiment cannot keep the shadow variant of inference experiment %q in status Created: it has not run. Start it first, or stop it with Retain for %q and Remove for %q.",
			s.arn(x.Name), x.Production.Name, x.Shadow.Name)
	}
	if len(stop.Desired) > 0 {
		return gnomon.Errorf(gnomon.Invalid, "DesiredModelVariants cannot be given for inference experiment %q in status Created: stopping it changes nothing on its endpoint. Use UpdateEndpointWeightsAndCapacities or UpdateEndpoint.", s.arn(x.Name))
	}
	end(x, gnomon.Ending{Status: gnomon.Cancelled, Outcome: gnomon.Stopped, Reason: stop.Reason})
	return nil
}

// end sets an experiment on the way to its end; the endpoint goes back to what it was, unless the ending keeps the
// overlay.
func end(x *gnomon.Experiment, ending gnomon.Ending) {
	x.Status, x.Ending, x.ModifiedAt = gnomon.Stopping, &ending, now()
	x.Reason = ending.Reason
	if !ending.Keep {
		x.Overlay = nil
	}
}

// finish ends a running experiment.
func (s Experiments) finish(tx *gnomon.Tx, x *gnomon.Experiment, stop gnomon.Stop, out gnomon.Outcome) error {
	ending := gnomon.Ending{Status: stop.Final(out), Outcome: out, Reason: stop.Reason, Keep: out != gnomon.Stopped || len(stop.Desired) > 0}
	x.Schedule.End = now()
	if !ending.Keep {
		end(x, ending)
		return nil
	}
	e, err := s.Plane.found(tx, x.Endpoint)
	if err != nil {
		return err
	}
	if e == nil {
		return fmt.Errorf("stop %s: its endpoint is gone", x.Name)
	}
	o, err := s.remainder(tx, x, e, stop, out)
	if err != nil {
		return err
	}
	x.Generation++
	o.ID, o.Config = x.OverlayID(), x.ConfigName()
	o.CountsAt, o.Adopt, o.Mirror, o.Paused = now(), true, false, true
	if err := s.Plane.quota(tx, more(e.Wanted(x.Overlay).Instances(), e.Wanted(o).Instances())); err != nil {
		return err
	}
	x.Overlay = o
	if err := s.Plane.face(tx, x, e); err != nil {
		return err
	}
	if out == gnomon.Retained {
		x.Warnings = append(x.Warnings, "The shadow variant stays on the endpoint: requests go on being copied to it, and its instances go on costing, until the endpoint is updated.")
		if x.Settings.MaxRate > 0 {
			x.Warnings = append(x.Warnings, fmt.Sprintf("The tag %q ends with the inference experiment: copying goes on without a bound on its rate.", gnomon.TagMaxRate))
		}
	}
	end(x, ending)
	return nil
}

// remainder returns the overlay that the endpoint is to keep: the variants that stay, at the size they have now or the
// size that is desired.
func (s Experiments) remainder(tx *gnomon.Tx, x *gnomon.Experiment, e *gnomon.Endpoint, stop gnomon.Stop, out gnomon.Outcome) (*gnomon.Overlay, error) {
	wanted := e.Wanted(x.Overlay)
	production, _, _ := wanted.Variant(x.Production.Name)
	shadow, _, _ := wanted.Variant(x.Shadow.Name)
	for _, d := range stop.Desired {
		if d.Count < 1 {
			return nil, gnomon.Errorf(gnomon.Invalid, "InstanceCount of variant %q is %d. It must be at least 1.", d.Name, d.Count)
		}
		d, err := s.Plane.resolve(tx, d)
		if err != nil {
			return nil, err
		}
		if d.Name == production.Name {
			production = production.Onto(d)
		} else {
			shadow = shadow.Onto(d)
		}
	}
	o := *x.Overlay
	if !x.MadeEndpoint {
		o.Capture = nil // the endpoint's own comes back
	}
	switch out {
	case gnomon.Promoted:
		shadow.Weight = production.Weight
		if s.Plane.Rules.RestartPromoted {
			shadow.Incarnation = x.OverlayID()
		}
		o.Production, o.Shadow = &shadow, nil
	case gnomon.Retained:
		shadow.Weight = shadowWeight(o.Fraction, production.Weight) // which the owner may have changed meanwhile
		o.Production, o.Shadow = &production, &shadow
	default:
		o.Production, o.Shadow = &production, nil
	}
	return &o, nil
}
