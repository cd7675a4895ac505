package quantile

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestMedianAbove_IsAnOrderStatistic has the places that tables of the sign test give at 0.01, one-sided.
func TestMedianAbove_IsAnOrderStatistic(t *testing.T) {
	for n, want := range map[int]float64{0: math.Inf(-1), 1: math.Inf(-1), 6: math.Inf(-1), 7: 0, 8: 0, 11: 1, 15: 2, 20: 4, 30: 8} {
		var list []float64
		for i := n - 1; i >= 0; i-- {
			list = append(list, float64(i))
		}
		if got := MedianAbove(list, 0.99); got != want {
			t.Errorf("of %d it is the element %v, want %v", n, got, want)
		}
	}
}

// TestMedianAbove_IsWrongSeldomEnough draws from a distribution whose median is 1 and whose mean is far above.
func TestMedianAbove_IsWrongSeldomEnough(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const lists = 20_000
	wrong := 0
	for range lists {
		list := make([]float64, 15)
		for i := range list {
			list[i] = math.Exp(2 * random.NormFloat64())
		}
		if MedianAbove(list, 0.99) > 1 {
			wrong++
		}
	}
	// Of 15, three or more places before it is 12 or more above the median: 0.0037, and 0.0176 with one place more.
	if share := float64(wrong) / lists; share < 0.002 || share > 0.006 {
		t.Errorf("above the median in %.4f of the lists, want 0.0037", share)
	}
}
