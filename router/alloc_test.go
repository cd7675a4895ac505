//go:build !race

// The race detector allocates.

package router_test

import (
	"testing"

	"gnomon"
)

// The ceilings of allocations per request, of both legs from the request to the answer. They may
// be lowered, never raised.
const (
	plainAllocations    = 0
	mirroredAllocations = 0
)

func TestBegin_AllocatesLittle(t *testing.T) {
	for _, tc := range []struct {
		name    string
		routes  gnomon.Routes
		ceiling float64
	}{
		{"plain", routes(frugal(t)), plainAllocations},
		{"mirrored twice", shadowed(routes(frugal(t)), []string{frugal(t), frugal(t)}, 1, 1), mirroredAllocations},
		{"mirrored", mirrored(routes(frugal(t)), 1, frugal(t)), mirroredAllocations},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, l := quiet(t, tc.routes)
			c := newCaller(t, s, l)
			for range 300 {
				c.call(t)
			}
			if n := testing.AllocsPerRun(3000, func() { c.call(t) }); n > tc.ceiling {
				t.Errorf("%v allocations per request, the ceiling is %v", n, tc.ceiling)
			}
		})
	}
}
