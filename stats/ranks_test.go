package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMannWhitney(t *testing.T) {
	for _, c := range []struct {
		x, y    []float64
		u, z, p float64
	}{
		{[]float64{10, 20, 30, 40}, []float64{1, 2, 3, 4}, 16, 7.5 / math.Sqrt(12), 0.03038282},
		{[]float64{1, 2, 3, 4}, []float64{10, 20, 30, 40}, 0, -7.5 / math.Sqrt(12), 0.03038282},
		// Ties of 3, 2 and 2: the variance is 16/12·(9 − 36/56).
		{[]float64{1, 2, 2, 3}, []float64{2, 3, 4, 4}, 2.5, -5 / math.Sqrt(16.0/12*(9-36.0/56)), 0.1341692},
		{[]float64{1, 2}, []float64{1, 2}, 2, 0, 1},
		{[]float64{7, 7, 7}, []float64{7, 7}, 3, 0, 1},
		{[]float64{1}, nil, 0, 0, 1},
		{nil, nil, 0, 0, 1},
	} {
		got, err := MannWhitney(c.x, c.y)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "U", got.U, c.u, 0)
		near(t, "z", got.Z, c.z, 1e-12)
		near(t, "p", got.P, c.p, 1e-6)
	}
}

func TestHodgesLehmann(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		x, y  []float64
		alpha float64
		want  Shift
	}{
		{[]float64{10, 20, 30, 40}, []float64{1, 2, 3, 4}, 0.05, Shift{22.5, 6, 39}}, // as Kayenta, and R, have it
		{[]float64{4, 1, 3, 2}, []float64{40, 10, 30, 20}, 0.05, Shift{-22.5, -39, -6}},
		{[]float64{10, 20, 30, 40}, []float64{1, 2, 3, 4}, 0.001, Shift{22.5, -inf, inf}},
		{[]float64{10, 20}, []float64{1, 2}, math.NaN(), Shift{13.5, -inf, inf}},
		{[]float64{5}, []float64{2}, 0.05, Shift{3, -inf, inf}},
		{[]float64{5}, nil, 0.05, Shift{0, -inf, inf}},
	} {
		if got, err := HodgesLehmann(c.x, c.y, c.alpha); err != nil || got != c.want {
			t.Errorf("%v, %v: %+v, %v, want %+v", c.x, c.y, got, err, c.want)
		}
	}
}

func TestHodgesLehmann_AllDifferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Float64Range(-1e3, 1e3), rapid.SampledFrom([]float64{-1, 0, 1, 1e-300, -1e-300, 0.1, 0.3}))
		x, y := rapid.SliceOfN(value, 1, 12).Draw(t, "x"), rapid.SliceOfN(value, 1, 12).Draw(t, "y")
		var all []float64
		for _, a := range x {
			for _, b := range y {
				all = append(all, a-b)
			}
		}
		slices.Sort(all)
		slices.Sort(x)
		slices.Sort(y)
		for i, want := range all {
			if got := difference(x, y, int64(i+1)); got != want {
				t.Fatalf("difference %d is %g, want %g", i+1, got, want)
			}
		}
		got, err := HodgesLehmann(x, y, 0.1)
		if err != nil {
			t.Fatal(err)
		}
		n := len(all)
		near(t, "estimate", got.Estimate, (all[(n-1)/2]+all[n/2])/2, 1e-12)
		if !(got.Low <= got.Estimate && got.Estimate <= got.High) {
			t.Errorf("%+v", got)
		}
	})
}

// TestHodgesLehmann_IsTheTest: the interval begins where the test ceases to refute.
func TestHodgesLehmann_IsTheTest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := 5; n < 60; n++ {
		x, y := make([]float64, n), make([]float64, 30)
		for i := range x {
			x[i] = r.NormFloat64() + 1
		}
		for i := range y {
			y[i] = r.NormFloat64()
		}
		shift, err := HodgesLehmann(x, y, 0.05)
		if err != nil {
			t.Fatal(err)
		}
		p := func(d float64) float64 {
			moved := slices.Clone(x)
			for i := range moved {
				moved[i] -= d
			}
			test, err := MannWhitney(moved, y)
			if err != nil {
				t.Fatal(err)
			}
			return test.P
		}
		const bit = 1e-9
		if p(shift.Low-bit) >= 0.05 || p(shift.Low+bit) < 0.05 || p(shift.High-bit) < 0.05 || p(shift.High+bit) >= 0.05 {
			t.Errorf("%d values: %+v, p at its ends %g to %g and %g to %g", n, shift, p(shift.Low-bit), p(shift.Low+bit),
				p(shift.High-bit), p(shift.High+bit))
		}
	}
}

func TestRanks_Refuse(t *testing.T) {
	for _, x := range [][]float64{{1, math.NaN()}, {math.Inf(-1)}, {1e308}, make([]float64, maxRanked+1)} {
		if _, err := MannWhitney(x, []float64{1}); err == nil {
			t.Errorf("%d values of %g are compared", len(x), x[0])
		}
		if _, err := HodgesLehmann([]float64{1}, x, 0.05); err == nil {
			t.Errorf("a shift of %d values of %g", len(x), x[0])
		}
	}
}

func TestZTest(t *testing.T) {
	// Mean 0.5, variance 1/3, of 4: z is 0.5/sqrt(1/12).
	near(t, "p", ZTest(slot(0, 0, 1, 1), 0), 0.0832645, 1e-6)
	near(t, "p", ZTest(slot(0, 0, 1, 1), 1), 0.0832645, 1e-6)
	for _, c := range []struct {
		v    Moments
		m    float64
		want float64
	}{
		{Moments{}, 0, 1}, {slot(1), 0, 1}, {slot(1, 1), 1, 1}, {slot(1, 1), 0, 0}, {slot(0, 1), math.NaN(), 1},
		{Moments{2, math.NaN(), 1}, 0, 1}, {Moments{2, 1, math.Inf(1)}, 0, 1}, {Moments{-2, 1, 1}, 0, 1},
	} {
		if got := ZTest(c.v, c.m); got != c.want {
			t.Errorf("%+v at %g: %g, want %g", c.v, c.m, got, c.want)
		}
	}
}
