package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestEmpiricalProcess(t *testing.T) {
	near(t, "bound", empiricalProcess(1000, 100, 0.05, 0.85), 0.08204769, 1e-7)
}

func TestQuantileBand(t *testing.T) {
	d := empiricalProcess(1000, 100, 0.05, 0.85)
	if lower, upper := QuantileBand(1000, 0.5, 0.05); lower != 0.5-d || upper != 0.5+d {
		t.Errorf("median of 1,000: %g to %g", lower, upper)
	}
	if lower, upper := QuantileBand(1000, 0.99, 0.05); lower != 0.99-d || upper != 1 {
		t.Errorf("p99 of 1,000: %g to %g", lower, upper)
	}
	if lower, upper := QuantileBand(1e6, 0.99, 0.05); !(lower > 0.985 && upper < 0.995) {
		t.Errorf("p99 of a million: %g to %g", lower, upper)
	}
	for _, alpha := range []float64{1e-300, 1e-12, 0.5, 0.999} {
		if lower, upper := QuantileBand(1e9, 0.5, alpha); !(lower > 0.49 && lower < 0.5 && upper > 0.5 && upper < 0.51) {
			t.Errorf("alpha %g: %g to %g", alpha, lower, upper)
		}
	}
	for _, c := range []struct {
		n        int64
		q, alpha float64
	}{{0, 0.5, 0.05}, {-1, 0.5, 0.05}, {99, 0.5, 0.05}, {1000, -0.1, 0.05}, {1000, 1.1, 0.05}, {1000, math.NaN(), 0.05},
		{1000, 0.5, 0}, {1000, 0.5, 1}, {1000, 0.5, math.NaN()}} {
		if lower, upper := QuantileBand(c.n, c.q, c.alpha); lower != 0 || upper != 1 {
			t.Errorf("%+v: %g to %g, want 0 to 1", c, lower, upper)
		}
	}
}

// TestQuantileBand_Coverage looks at the whole distribution at many times.
func TestQuantileBand_Coverage(t *testing.T) {
	wrong := 0
	const streams = 200
	for run := range streams {
		r := rand.New(rand.NewPCG(uint64(run), 5))
		var all []float64
		for n := 100; n <= 3200; n *= 2 {
			for len(all) < n {
				all = append(all, r.Float64())
			}
			slices.Sort(all)
			_, upper := QuantileBand(int64(n), 0.5, 0.05)
			if furthest(all) > upper-0.5 {
				wrong++
				break
			}
		}
	}
	if wrong > streams/20 {
		t.Errorf("%d of %d distributions ever left the band, want 5 %% at most", wrong, streams)
	}
}

// furthest is how far the share of sorted values at or below x is from x.
func furthest(sorted []float64) float64 {
	d, n := 0.0, float64(len(sorted))
	for i, x := range sorted {
		d = max(d, x-float64(i)/n, float64(i+1)/n-x)
	}
	return d
}
