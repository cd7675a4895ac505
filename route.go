package gnomon

import "time"

// Routes is everything routers need to answer requests: plain data, published whole.
type Routes struct {
	Endpoints []EndpointRoute
}

// An EndpointRoute is where requests for one endpoint go. An experiment's mirror is alone on its endpoint. Several mirrors
// are those of the endpoint's own shadows: they have one Salt, none is Paused and none has an Until, so that a request is
// under test in all that compare its variant, or in none.
type EndpointRoute struct {
	Name       EndpointName
	ID         string
	Production []VariantRoute
	Mirrors    []MirrorRoute // none: nothing is copied
	Capture    *CaptureRoute // nil: nothing is captured
}

// A VariantRoute is where requests for one variant go. No instances means that none is in service just now.
type VariantRoute struct {
	Name      VariantName
	Weight    float64 // share of the traffic is weight ÷ sum of weights; all 0 counts as all equal
	Routing   RoutingStrategy
	Instances []InstanceRoute
}

// An InstanceRoute is one instance in service.
type InstanceRoute struct {
	ID      InstanceID
	Address string // host:port
}

// A MirrorRoute copies a sample of an endpoint's requests to a shadow variant.
type MirrorRoute struct {
	ID         MirrorID
	Experiment ExperimentName // empty: the shadow belongs to the endpoint's own config
	Source     VariantName    // the production variant that is compared with
	Shadow     VariantRoute
	Fraction   float64 // 0..1 of the requests
	Salt       string  // keys the sample: of two mirrors with one Salt, the larger sample contains the smaller
	MaxRate    float64 // copies per second over all routers; 0: no cap
	Revision   string  // names what is compared: another one when either variant runs something else
	Answers    Answers // how they are compared
	Judging    Judging
	Paused     bool      // counted as stopped instead of copied: the experiment is ending
	Until      time.Time // copies end at this time by themselves; zero: no end
}

// A MirrorID names one accounting: an experiment's ID, or an endpoint's ID and its shadow's name. There are no spaces in
// it.
type MirrorID string

// A RoutingStrategy says which instance of a variant takes a request.
type RoutingStrategy string

// The routing strategies, in AWS's names.
const (
	LeastOutstandingRequests RoutingStrategy = "LEAST_OUTSTANDING_REQUESTS"
	RandomRouting            RoutingStrategy = "RANDOM" // AWS's default
)
