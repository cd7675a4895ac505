package quantile

import (
	"math"
	"slices"
)

// MedianAbove is a number that the median of what a list was drawn from is above with the confidence asked for, below 1. Draws must be
// independent; nothing is assumed of how they are distributed: k of n draws or fewer are below the median with the probability of a
// binomial distribution at one half, so the element with that many before it is the bound (Conover, Practical Nonparametric
// Statistics, on the confidence interval of a quantile). Of a list that is too short it is -Inf: at 0.99, of fewer than seven.
func MedianAbove(list []float64, confidence float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	bound, n := math.Inf(-1), len(sorted)
	below := 0.0 // the probability that at most k draws are below the median
	for k, term := 0, math.Pow(0.5, float64(n)); k < n; k++ {
		if below += term; below > 1-confidence {
			break
		}
		bound = sorted[k]
		term *= float64(n-k) / float64(k+1)
	}
	return bound
}
