package gnomon

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// A Variant is a model on a number of instances, inside an endpoint.
type Variant struct {
	Name         VariantName
	Model        ModelName
	ModelID      string // of the model the container was taken from
	Container    Container
	Role         string // ARN of the model's execution role
	InstanceType InstanceType
	KmsKey       string `json:",omitzero"` // encrypts what instances keep on disk; empty: nothing does
	Count        int
	Weight       float64
	Routing      RoutingStrategy
	// Incarnation, when it changes, has the same thing started anew.
	Incarnation string `json:",omitzero"`

	DownloadTimeout time.Duration // 0: the host's default
	StartupTimeout  time.Duration // 0: the host's default
}

// A DataCapture says which requests and answers are kept, and where.
type DataCapture struct {
	Enabled          bool
	SamplingPercent  int    // 0..100
	Destination      string // s3://bucket/prefix
	KmsKey           string
	Input, Output    bool
	CSVContentTypes  []string
	JSONContentTypes []string
	Role             string // ARN of the role that writes
}

// Active reports whether there is anything to be captured.
func (c *DataCapture) Active() bool { return c != nil && c.Enabled }

// Equal reports whether both mean the same, whoever writes.
func (c DataCapture) Equal(d DataCapture) bool {
	return c.Enabled == d.Enabled && c.SamplingPercent == d.SamplingPercent && c.Destination == d.Destination &&
		c.KmsKey == d.KmsKey && c.Input == d.Input && c.Output == d.Output &&
		slices.Equal(c.CSVContentTypes, d.CSVContentTypes) && slices.Equal(c.JSONContentTypes, d.JSONContentTypes)
}

// An EndpointConfig is a plan for an endpoint. It does not change once it is made.
type EndpointConfig struct {
	Name       EndpointConfigName
	ID         string
	CreatedAt  time.Time
	Spec       EndpointSpec
	Experiment string // ID of the experiment it was generated for; empty: someone made it

	// Accepted is the request that made it, as canonical JSON. Only the wire's face reads it. A generated config has
	// the one of the config it was derived from.
	Accepted json.RawMessage
}

// An EndpointSpec is what an endpoint consists of, by value: it does not depend on configs and models still existing.
type EndpointSpec struct {
	Config     EndpointConfigName
	Production []Variant
	Shadows    []Variant // any only beside one production variant
	Capture    *DataCapture
	KmsKey     string
	Role       string // ARN of the config's execution role
}

// Revision names the spec by its content.
func (s EndpointSpec) Revision() string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // plain data always marshals
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Variant returns the variant of that name, and whether it is a shadow. It reports false if there is none.
func (s EndpointSpec) Variant(name VariantName) (v Variant, c Class, ok bool) {
	for _, v := range s.Production {
		if v.Name == name {
			return v, Production, true
		}
	}
	for _, v := range s.Shadows {
		if v.Name == name {
			return v, Shadow, true
		}
	}
	return Variant{}, "", false
}

// Fleets returns what a host must run for the spec.
func (s EndpointSpec) Fleets(endpointID string, name EndpointName) []Fleet {
	var all []Fleet
	for _, v := range s.Production {
		all = append(all, NewFleet(endpointID, name, v, Production))
	}
	for _, v := range s.Shadows {
		all = append(all, NewFleet(endpointID, name, v, Shadow))
	}
	return all
}

// Instances counts the spec's instances by type.
func (s EndpointSpec) Instances() map[InstanceType]int {
	n := make(map[InstanceType]int)
	for _, v := range slices.Concat(s.Production, s.Shadows) {
		n[v.InstanceType] += v.Count
	}
	return n
}

// clone returns a spec whose lists are its own.
func (s EndpointSpec) clone() EndpointSpec {
	s.Production = slices.Clone(s.Production)
	s.Shadows = slices.Clone(s.Shadows)
	return s
}

// A Scaling is an owner's wish for one variant, given to UpdateEndpointWeightsAndCapacities.
type Scaling struct {
	Count   *int
	CountAt time.Time
	Weight  *float64
}

// An Endpoint answers requests. Its owner's wishes are Base and Scalings; an experiment lies over them as an [Overlay]
// that is kept with the experiment. One reconciler makes the two so and writes Live, Status and FailureReason.
type Endpoint struct {
	Name       EndpointName
	ID         string
	CreatedAt  time.Time
	ModifiedAt time.Time
	Base       EndpointSpec
	Scalings   map[VariantName]Scaling
	MadeBy     string // ID of the experiment that made it; empty: its owner did

	Status        EndpointStatus
	FailureReason string

	// Live is the last spec that was in service as a whole; nil while there has been none. It is what an update that
	// fails goes back to.
	Live *EndpointSpec
	// LiveBase is the Base that Live was made from, LiveScalings the scalings: what an owner's failed update is undone to.
	LiveBase     *EndpointSpec
	LiveScalings map[VariantName]Scaling
	// Overlay is the ID of the overlay that Live contains; empty: none.
	Overlay string
	// Mirrored is the ID of the last overlay whose copying has begun: from then on its requests are counted.
	Mirrored string
	// FailedOverlay is the ID of the last overlay that could not be deployed, or not be taken away again because what was
	// there before it could not be deployed; FailureReason says why.
	FailedOverlay string
	// Adopted is the ID of the last overlay that became Base.
	Adopted string
	// DeployingSince is when the deployment under way began; zero: none is under way.
	DeployingSince time.Time
	// Deployment is how the owner wants updates carried out.
	Deployment Deployment

	// Accepted is the DeploymentConfig last given, as canonical JSON. Only the wire's face reads it.
	Accepted json.RawMessage
}

// A Deployment says how an update is carried out.
type Deployment struct {
	TerminationWait      time.Duration // old instances are kept this long after traffic has left them
	MaximumExecutionTime time.Duration // a deployment not done by then is rolled back; 0: no limit of its own
}

// Wanted returns what the endpoint should consist of: Base, with the overlay over it and the owner's scalings. A count
// that the overlay sets holds against scalings that are older.
func (e *Endpoint) Wanted(o *Overlay) EndpointSpec {
	s := e.Base.With(o).clone()
	var production, shadow time.Time
	if o != nil {
		shadow = o.CountsAt
		if o.Production != nil {
			production = o.CountsAt
		}
	}
	e.scale(s.Production, production, true)
	e.scale(s.Shadows, shadow, o == nil)
	return s
}

// scale applies the owner's scalings: counts from since on, and weights unless an experiment sets them.
func (e *Endpoint) scale(variants []Variant, since time.Time, weights bool) {
	for i, v := range variants {
		sc := e.Scalings[v.Name]
		if sc.Count != nil && !sc.CountAt.Before(since) {
			variants[i].Count = *sc.Count
		}
		if sc.Weight != nil && weights {
			variants[i].Weight = *sc.Weight
		}
	}
}

// CloneScalings returns a copy of the scalings that may be written to.
func (e *Endpoint) CloneScalings() map[VariantName]Scaling {
	m := maps.Clone(e.Scalings)
	if m == nil {
		m = make(map[VariantName]Scaling)
	}
	return m
}

// An EndpointStatus is where an endpoint is in its life, in AWS's names.
type EndpointStatus string

// The statuses of an endpoint that Gnomon enters. AWS has three more: OutOfService and SystemUpdating, which mean
// maintenance by AWS, and UpdateRollbackFailed: rolling back here drops what was new and keeps what is still running.
const (
	EndpointCreating    EndpointStatus = "Creating"
	EndpointInService   EndpointStatus = "InService"
	EndpointUpdating    EndpointStatus = "Updating"
	EndpointRollingBack EndpointStatus = "RollingBack"
	EndpointDeleting    EndpointStatus = "Deleting"
	EndpointFailed      EndpointStatus = "Failed"
)

var endpointArrows = map[EndpointStatus][]EndpointStatus{
	EndpointCreating:    {EndpointInService, EndpointFailed},
	EndpointInService:   {EndpointUpdating, EndpointDeleting},
	EndpointUpdating:    {EndpointInService, EndpointRollingBack},
	EndpointRollingBack: {EndpointInService},
	EndpointFailed:      {EndpointDeleting},
	EndpointDeleting:    {},
}

// CanBecome reports whether an endpoint may go from s to next.
func (s EndpointStatus) CanBecome(next EndpointStatus) bool {
	return slices.Contains(endpointArrows[s], next)
}

// Busy reports whether a change is under way, so that the owner must wait with the next.
func (s EndpointStatus) Busy() bool {
	return s == EndpointCreating || s == EndpointUpdating || s == EndpointRollingBack || s == EndpointDeleting
}

// Statuses of endpoints and their arrows, for tests and pictures.
func EndpointArrows() map[EndpointStatus][]EndpointStatus { return maps.Clone(endpointArrows) }
