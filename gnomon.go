// Package gnomon is the domain: what a model, an endpoint, a variant and an inference experiment are, which states
// they pass through, and every rule that needs no input or output.
//
// Start at [Experiment] and its state table in experiment_state.go, then [Endpoint] and [EndpointSpec.With], which says
// how an experiment lies over an endpoint without editing it. [Fleet] is what a host runs, [Routes] what a router
// serves, [Leg] and [Bucket] what it tells of each request.
//
// The package imports only the standard library and knows nothing of wires, databases, processes or proxies.
package gnomon

import (
	"crypto/rand"
	"encoding/hex"
)

// NewID returns a random identifier of 128 bits, in 32 hexadecimal digits. It tells two resources apart that bore the
// same name at different times.
func NewID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b)
}
