package gnomon

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// An Experiment is a shadow test: for a time, a sample of an endpoint's requests is copied to a shadow variant.
// One reconciler owns its Status; callers record what they want and the reconciler makes it so.
type Experiment struct {
	Name        ExperimentName
	ID          string
	Description string
	Role        string // ARN; gates endpoint changes and capture writes
	Endpoint    EndpointName
	EndpointID  string
	KmsKey      string
	CreatedAt   time.Time
	ModifiedAt  time.Time
	CompletedAt time.Time // zero until final

	// Schedule is when it runs or ran: real times once they are known. Planned is what was asked for.
	Schedule Schedule
	Planned  Schedule

	// Production and Shadow are its variants, by value. ProductionGiven is false when the production variant was
	// taken from the endpoint, which it then follows.
	Production      Variant
	ProductionGiven bool
	Shadow          Variant
	SamplingPercent int      // 0..100
	Settings        Settings // of its tags, as far as they are settings
	Capture         *DataCapture
	VariantsAt      time.Time // when the variants were asked for

	Status  ExperimentStatus
	Reason  string // an error, or what the client said at Stop
	Outcome Outcome

	MadeEndpoint bool             // the endpoint was made for it
	Generation   int              // of the overlay; counts up with each change of what is deployed
	Overlay      *Overlay         // what it asks of the endpoint now; nil: nothing
	Resume       ExperimentStatus // where Updating goes back to
	Ending       *Ending          // set when Stopping
	Warnings     []string

	// Accepted is the request that made it, with later updates, as canonical JSON. Only the wire's face reads it.
	Accepted json.RawMessage
}

// An Outcome says how an experiment ended.
type Outcome string

// The outcomes.
const (
	Promoted Outcome = "promoted" // the shadow is the production variant now
	Retained Outcome = "retained" // both variants were kept on the endpoint
	Expired  Outcome = "expired"  // it ran to its end
	Stopped  Outcome = "stopped"  // it was stopped and the shadow taken away
	Failed   Outcome = "failed"   // something could not be deployed, or its time passed unused
)

// An Ending is what a stopping experiment is on the way to.
type Ending struct {
	Status  ExperimentStatus // Completed or Cancelled
	Outcome Outcome
	Reason  string
	Keep    bool // the overlay becomes the endpoint's own instead of being dropped
}

// Mirror returns the ID under which the experiment's requests are accounted.
func (x *Experiment) Mirror() MirrorID { return MirrorID(x.ID) }

// OverlayID names the overlay of the experiment's present generation.
func (x *Experiment) OverlayID() string { return x.ID + "." + strconv.Itoa(x.Generation) }

// ConfigName returns the name of the EndpointConfig generated for the present generation: readable, at most 63
// characters, and the same each time it is asked for.
func (x *Experiment) ConfigName() EndpointConfigName {
	sum := sha256.Sum256([]byte(x.OverlayID()))
	prefix := string(x.Name)
	prefix = prefix[:min(len(prefix), 45)]
	for prefix[len(prefix)-1] == '-' {
		prefix = prefix[:len(prefix)-1]
	}
	return EndpointConfigName(prefix + "-shadow-" + hex.EncodeToString(sum[:4]))
}

// Lie returns the overlay that the experiment lays over base now. The production variant keeps everything that the
// experiment does not name, such as its weight, routing, timeouts and key: what runs is not started anew for an experiment.
func (x *Experiment) Lie(base EndpointSpec) *Overlay {
	o := &Overlay{
		ID:       x.OverlayID(),
		Config:   x.ConfigName(),
		Capture:  x.Capture,
		KmsKey:   x.KmsKey,
		CountsAt: x.VariantsAt,
		Fraction: x.SampledPercent() / 100,
	}
	weight := 1.0
	if v, _, ok := base.Variant(x.Production.Name); ok && v.Weight > 0 {
		weight = v.Weight
	}
	if x.ProductionGiven {
		v := x.Production
		if own, _, ok := base.Variant(v.Name); ok {
			v = own.Onto(v)
		}
		o.Production = &v
	}
	shadow := x.Shadow
	shadow.Weight = weight * o.Fraction
	shadow.KmsKey = cmp.Or(x.KmsKey, shadow.KmsKey, base.KmsKey)
	o.Shadow = &shadow
	return o
}

// Onto returns asked, with all that an experiment cannot name of a variant taken from v, such as its routing.
func (v Variant) Onto(asked Variant) Variant {
	v.Model, v.ModelID, v.Container, v.Role = asked.Model, asked.ModelID, asked.Container, asked.Role
	v.InstanceType, v.Count = asked.InstanceType, asked.Count
	return v
}

// A VariantStatus is where an experiment's variant is, in AWS's names.
type VariantStatus string

// The statuses of a variant.
const (
	VariantCreating  VariantStatus = "Creating"
	VariantUpdating  VariantStatus = "Updating"
	VariantInService VariantStatus = "InService"
	VariantDeleting  VariantStatus = "Deleting"
	VariantDeleted   VariantStatus = "Deleted"
)

// VariantStatus returns the status of the production or the shadow variant, seen beside its endpoint; e is nil when the
// endpoint does not exist.
func (x *Experiment) VariantStatus(c Class, e *Endpoint) VariantStatus {
	leaves := c == Shadow
	if x.Ending != nil && x.Ending.Keep {
		leaves = x.Ending.Outcome == Promoted && c == Production
	}
	live := false
	if e != nil && e.Live != nil && e.ID == x.EndpointID {
		_, _, live = e.Live.Variant(x.variant(c).Name)
		live = live && (c == Production || e.Overlay != "" || x.Status.Final())
	}
	switch {
	case x.Status.Final() && (leaves || !live):
		return VariantDeleted
	case x.Status == Stopping && leaves:
		return VariantDeleting
	case !live:
		return VariantCreating
	case x.Status == Updating && c == Shadow:
		return VariantUpdating
	}
	return VariantInService
}

func (x *Experiment) variant(c Class) Variant {
	if c == Shadow {
		return x.Shadow
	}
	return x.Production
}
