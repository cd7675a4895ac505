//go:build !race

// The race detector allocates.

package compare_test

import (
	"testing"

	"gnomon/compare"
)

// Comparing runs for every request that is mirrored: answers that agree cost no memory.
func TestCompare_AllocNothingWhereAnswersAgree(t *testing.T) {
	c := compare.New(answers(t, "tolerance absolute=0.001", "ignore /time_ms /predictions/-/x"))
	label := compare.New(answers(t, "answers label"))
	for kind, all := range benchmarks() {
		for _, comparer := range []*compare.Comparer{c, label} {
			if comparer == label && kind != "json" {
				continue
			}
			if r := comparer.Compare(all[0], all[1]); !r.Agrees() {
				t.Fatalf("%s: %s", kind, describe(r))
			}
			if n := testing.AllocsPerRun(200, func() { comparer.Compare(all[0], all[1]) }); n >= 1 {
				t.Errorf("%s: %v allocations", kind, n)
			}
		}
	}
}
