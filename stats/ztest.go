package stats

import "math"

// ZTest returns the p-value of the test that everybody knows: both sides, of "the mean is m", by the normal approximation.
// It is good for one look at independent values; looked at again and again it is wrong about half the time (Johari, Koomen,
// Pekelis, Walsh, "Always valid inference: continuous monitoring of A/B tests", 2022), which is what it is here to show. It is 1
// with fewer than two values, and if m or a sum is not a finite number.
func ZTest(v Moments, m float64) float64 {
	n := float64(v.N)
	if v.N < 2 || !finite(m) || !finite(v.Sum) || !finite(v.SumSq) {
		return 1
	}
	mean := v.Sum / n
	variance := math.Max(0, v.SumSq-n*mean*mean) / (n - 1)
	switch d := mean - m; {
	case d == 0:
		return 1
	case variance == 0:
		return 0
	default:
		return twoSided(d / math.Sqrt(variance/n))
	}
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// twoSided is how probable a standard normal value is at least as far from 0 as z.
func twoSided(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }
