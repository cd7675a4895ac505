//go:build !race

// The race detector makes sync.Pool drop at random what it is given.

package sigv4_test

import (
	"testing"

	"gnomon/sigv4"
)

// maxAllocations is a ceiling to be lowered, never raised.
const maxAllocations = 0

func TestAllocations(t *testing.T) {
	v, line, headers, body := invocation(t, 2800)
	var r sigv4.Request
	got := testing.AllocsPerRun(200, func() { check(t, v, &r, line, headers, body) })
	if got > maxAllocations {
		t.Errorf("%v allocations for each request, want at most %d", got, maxAllocations)
	}
}
