// Package api is the control plane's face: it says what a request on the wire means to the services of package control,
// and what their answers look like on the wire.
//
// Start at [New] and the list of operations in handler.go. Each kind of resource has a file for its operations, and the
// structures that several share have one of their own (container.go, variant.go, capture.go, deployment.go, page.go).
// What Gnomon does not do is refused here, by name; docs/compatibility.md has a line for every member of every input.
//
// The package holds no state and decides nothing about a resource: what an operation means is control's. It knows
// nothing of HTTP, SQL, processes or proxies.
package api

import (
	"gnomon"
	"gnomon/control"
	"gnomon/sagemaker"
)

// An API answers the operations of the SageMaker control plane. Any number of goroutines may use it.
type API struct {
	models      models
	configs     configs
	endpoints   endpoints
	experiments experiments
	tags        control.Tags
}

var _ sagemaker.Handler = (*API)(nil)

// New returns the face of those services. The partition, which must be theirs, appears in every ARN that is answered.
func New(p gnomon.Partition, m control.Models, c control.EndpointConfigs, e control.Endpoints, x control.Experiments, t control.Tags) *API {
	return &API{
		models:      models{m, p},
		configs:     configs{c, p},
		endpoints:   endpoints{e, p},
		experiments: experiments{x, p},
		tags:        t,
	}
}
