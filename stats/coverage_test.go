package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A stream returns values with mean 0 within [-1, 1], one after the other.
type stream func(r *rand.Rand) func() float64

// independent are normal values with a standard deviation of 0.1.
func independent(r *rand.Rand) func() float64 {
	return func() float64 { return math.Max(-1, math.Min(1, 0.1*r.NormFloat64())) }
}

// autoregressive values are AR(1), normal with a standard deviation of 0.1, each the same for as many in a row.
func autoregressive(phi float64, each int) stream {
	return func(r *rand.Rand) func() float64 {
		level, i := r.NormFloat64(), 0
		return func() float64 {
			if i++; i%each == 0 {
				level = phi*level + math.Sqrt(1-phi*phi)*r.NormFloat64()
			}
			return math.Max(-1, math.Min(1, 0.1*level))
		}
	}
}

// spikes are 1 in one of a hundred, and a little below 0 else.
func spikes(r *rand.Rand) func() float64 {
	return func() float64 {
		if r.Float64() < 0.01 {
			return 1
		}
		return -0.01/0.99 + 0.02*(r.Float64()-0.5)
	}
}

// everWrong returns how often the evidence against the true mean was enough at any look from a slot on, by side.
func everWrong(t *testing.T, s stream, from int) (below, above float64) {
	t.Helper()
	const runs, slots, per, alpha = 100, 1000, 10, 0.05
	for run := range runs {
		next := s(rand.New(rand.NewPCG(uint64(run), 7)))
		seq := NewSequence(1)
		var low, high bool
		for i := range slots {
			var m Moments
			for range per {
				x := next()
				m = m.Plus(Moments{1, x, x * x})
			}
			if err := seq.Add(m); err != nil {
				t.Fatal(err)
			}
			if i >= from && i%5 == 0 {
				low = low || seq.LogEvidenceBelow(0) >= -math.Log(alpha)
				high = high || seq.LogEvidenceAbove(0) >= -math.Log(alpha)
			}
		}
		if low {
			below += 1.0 / runs
		}
		if high {
			above += 1.0 / runs
		}
	}
	return below, above
}

// TestSequence_Coverage: what stays below 5 % by theory may be 10 % in as few runs. With the variation of single values
// in place of V*, the autoregressive ones are wrong nearly always.
func TestSequence_Coverage(t *testing.T) {
	for _, c := range []struct {
		name   string
		stream stream
		from   int // slot
	}{
		{"independent", independent, 0},
		{"rare spikes", spikes, 0},
		{"AR(1) .9", autoregressive(0.9, 1), 20},
		{"slots AR(1) .9", autoregressive(0.9, 10), 300}, // as a least time has it
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			below, above := everWrong(t, c.stream, c.from)
			t.Logf("ever refuted: %.2f from below, %.2f from above", below, above)
			if below > 0.1 || above > 0.1 {
				t.Errorf("the true mean was refuted in %.2f from below and %.2f from above, want 0.05 at most", below, above)
			}
		})
	}
}
