package stats

import (
	"errors"
	"fmt"
	"math"
)

// ShareEvidence returns the natural logarithm of the e-value against "each of so many things falls into one of these
// buckets by these shares", whenever it is looked at: a Dirichlet mixture with the parameters concentration·share. It looks
// for shares that differ from a share p by about sqrt(p(1−p)/(concentration+1)); those that differ less take longer
// (Lindon, Malek, "Anytime-valid inference for multinomial count data", 2022).
//
// It is 0 without counts, and infinite if something fell into a bucket with a share of 0. It returns an error if counts and
// shares are not as many, one of them is below 0, the shares are not 1 together, or concentration is not above 0.
func ShareEvidence(counts []int64, shares []float64, concentration float64) (float64, error) {
	if len(counts) != len(shares) {
		return 0, fmt.Errorf("stats: %d counts of %d shares: want one each", len(counts), len(shares))
	}
	sum := 0.0
	for i, share := range shares {
		if !(share >= 0 && share <= 1) || counts[i] < 0 {
			return 0, fmt.Errorf("stats: count %d, share %g: want 0 or more, and a share from 0 to 1", counts[i], share)
		}
		sum += share
	}
	if math.Abs(sum-1) > 1e-9 {
		return 0, fmt.Errorf("stats: shares of %g together: want 1", sum)
	}
	if !(concentration > 0 && concentration <= 1e12) {
		return 0, errors.New("stats: the concentration is a number above 0, up to 10^12")
	}
	return dirichlet(counts, shares, concentration), nil
}

// dirichlet is ln of the mean likelihood of counts over the Dirichlet distribution, less that by the shares.
func dirichlet(counts []int64, shares []float64, concentration float64) float64 {
	n, e := 0.0, 0.0
	for i, share := range shares {
		k := float64(counts[i])
		if k == 0 {
			continue
		}
		if share == 0 {
			return math.Inf(1)
		}
		n += k
		e += rising(concentration*share, k) - k*math.Log(share)
	}
	return e - rising(concentration, n)
}

// rising is ln(Γ(a+k)/Γ(a)).
func rising(a, k float64) float64 {
	x, _ := math.Lgamma(a + k)
	y, _ := math.Lgamma(a)
	return x - y
}

// Discordant returns the natural logarithm of the e-value against "of the pairs in which just one side failed, either side
// is as likely to be it": McNemar's test in a form that may be looked at after every pair, by a uniform mixture. The same
// counts of pairs in which one side was slower make it a sign test. It is 0 without pairs; counts below 0 count as 0.
// (McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", 1947; Robbins,
// "Statistical methods related to the law of the iterated logarithm", 1970.)
func Discordant(shadow, production int64) float64 {
	return dirichlet([]int64{max(0, shadow), max(0, production)}, []float64{0.5, 0.5}, 2)
}
