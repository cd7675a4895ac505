package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestMixture(t *testing.T) {
	m := TunedMixture(100, 0.05)
	near(t, "rho", m.Rho, 12.60056, 1e-6)
	near(t, "u(100)", m.Bound(100, 0.05), 30.35209, 1e-6)
	near(t, "log M(10, 100)", m.LogEvidence(10, 100), -0.6510052, 1e-6)
	near(t, "log M at the bound", m.LogEvidence(m.Bound(100, 0.05), 100), math.Log(20), 1e-12)
}

func TestMixture_Radius(t *testing.T) {
	for _, r := range []float64{0.02, 0.3, 1} {
		for _, n := range []float64{2, 100, 1e6} {
			want := 0.7 * math.Sqrt(2*(n*r*r+1)/(n*n*r*r)*math.Log(math.Sqrt(n*r*r+1)/0.05)) // as the paper has it
			near(t, "radius", Mixture{1 / (r * r)}.Radius(int64(n), 0.7, 0.05)/want, 1, 1e-12)
		}
	}
}

func TestLogDifference(t *testing.T) {
	sum := 0.0
	for _, rho := range []float64{0.01, 0.1, 1, 10, 100, 1e3, 1e4, 1e5, 1e6} {
		sum += math.Sqrt(rho/(7+rho)) * math.Exp(36/(2*(7+rho)))
	}
	near(t, "log difference", LogDifference(6, 7), math.Log(sum/9), 1e-12)
	if LogDifference(-6, 7) != LogDifference(6, 7) {
		t.Error("the sign counts")
	}
}

// TestLogDifference_Cauchy: values without any moments, looked at one by one.
func TestLogDifference_Cauchy(t *testing.T) {
	const streams = 400
	wrong := 0
	for run := range streams {
		r := rand.New(rand.NewPCG(uint64(run), 9))
		var s, v float64
		for range 500 {
			x := math.Tan(math.Pi * (r.Float64() - 0.5))
			s += x
			if v += x * x; LogDifference(s, v) >= math.Log(20) {
				wrong++
				break
			}
		}
	}
	if wrong > streams/10 {
		t.Errorf("%d of %d streams are said to differ from nothing, want 5 %% at most", wrong, streams)
	}
}

func TestSequence_Differ(t *testing.T) {
	s := NewSequence(1)
	if got := s.LogEvidenceDiffer(); got != 0 {
		t.Errorf("evidence without values: %g", got)
	}
	for range 64 {
		if err := s.Add(slot(0.3, -0.1)); err != nil {
			t.Fatal(err)
		}
	}
	near(t, "evidence", s.LogEvidenceDiffer(), LogDifference(s.Moments().Sum, s.Variation(0)), 0)
	if s.LogEvidenceDiffer() < math.Log(20) {
		t.Errorf("a difference in every slot: %g", s.LogEvidenceDiffer())
	}
}

func TestMixture_Nonsense(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, f := range []float64{nan, inf, -inf, -1} {
		for _, got := range []float64{Mixture{f}.LogEvidence(1, 1), Mixture{1}.LogEvidence(1, f), LogDifference(1, f)} {
			if got != 0 {
				t.Errorf("%g: evidence %g", f, got)
			}
		}
		for _, got := range []float64{Mixture{f}.Bound(1, 0.05), Mixture{1}.Bound(f, 0.05), Mixture{1}.Bound(1, f), Mixture{f}.Radius(1, 1, 0.05)} {
			if got != inf {
				t.Errorf("%g: bound %g", f, got)
			}
		}
		if got := TunedMixture(f, 0.05).Rho; got != 1 {
			t.Errorf("tuned at %g: %g", f, got)
		}
		if got := TunedMixture(1, f).Rho; got != 1 {
			t.Errorf("tuned for alpha %g: %g", f, got)
		}
	}
	if LogDifference(nan, 1) != 0 || LogDifference(0, 0) != 0 || !math.IsInf(Mixture{1}.Radius(0, 1, 0.05), 1) ||
		!math.IsInf(Mixture{1}.Radius(1, nan, 0.05), 1) {
		t.Error("nonsense is evidence, or bounded")
	}
}
