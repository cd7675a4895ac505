package stats

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// maxRanked is how many values of an arm the rank tests take: they are meant for points of a chart, not for requests.
const maxRanked = 100_000

// A RankTest is what Mann and Whitney's test says of two samples.
type RankTest struct {
	U float64 // pairs in which the first sample's value is the greater one, a tie counting half
	Z float64 // standard normal if both come of one distribution; above 0 if the first is greater
	P float64 // of both sides
}

// MannWhitney compares the independent samples x and y by the normal approximation, corrected for ties and for continuity
// (Mann, Whitney, "On a test of whether one of two random variables is stochastically larger than the other", 1947). It is
// good for one look, at values that do not depend on each other. With nothing to compare, and if all values are the same,
// P is 1. It returns an error if a value is not a number up to about 10^307, or a sample has more than 100,000.
func MannWhitney(x, y []float64) (RankTest, error) {
	if err := errors.Join(rankable(x), rankable(y)); err != nil {
		return RankTest{}, err
	}
	u, ties := ranks(x, y)
	m, n := float64(len(x)), float64(len(y))
	t := RankTest{U: u, P: 1}
	variance := m * n / 12 * (m + n + 1 - ties/((m+n)*(m+n-1)))
	if m == 0 || n == 0 || !(variance > 0) {
		return t, nil
	}
	d := u - m*n/2
	t.Z = math.Copysign(math.Max(0, math.Abs(d)-0.5), d) / math.Sqrt(variance)
	t.P = twoSided(t.Z)
	return t, nil
}

func rankable(x []float64) error {
	if len(x) > maxRanked {
		return fmt.Errorf("stats: %d values: want %d at most", len(x), maxRanked)
	}
	for i, v := range x {
		if !(math.Abs(v) <= math.MaxFloat64/4) { // differences of differences are to be finite too
			return fmt.Errorf("stats: value %d is %g: want a number of 10^307 at most", i, v)
		}
	}
	return nil
}

// ranks returns Mann and Whitney's U of x, and Σ(t³ − t) over all groups of t equal values.
func ranks(x, y []float64) (u, ties float64) {
	type ranked struct {
		value float64
		first bool
	}
	var all []ranked
	for _, v := range x {
		all = append(all, ranked{v, true})
	}
	for _, v := range y {
		all = append(all, ranked{v, false})
	}
	slices.SortFunc(all, func(a, b ranked) int {
		switch {
		case a.value < b.value:
			return -1
		case a.value > b.value:
			return 1
		}
		return 0
	})
	below := 0.0 // of y
	for i := 0; i < len(all); {
		var firsts, others float64
		for value := all[i].value; i < len(all) && all[i].value == value; i++ {
			if all[i].first {
				firsts++
			} else {
				others++
			}
		}
		u += firsts * (below + others/2)
		below += others
		t := firsts + others
		ties += t*t*t - t
	}
	return u, ties
}

// A Shift is by how much one sample is above another.
type Shift struct {
	Estimate  float64
	Low, High float64 // of the interval
}

// HodgesLehmann returns the median of all differences x − y of two independent samples, and the interval between those of
// them that Mann and Whitney's test at the level alpha lets stand, by the normal approximation with correction for
// continuity and without that for ties, which would narrow it (Hodges, Lehmann, "Estimates of location based on rank
// tests", 1963). The differences are counted, not kept, so it takes some passes over the samples only. Samples too small
// for the level have an infinite interval, as all have if alpha is not within (0, 1); with nothing to compare the estimate
// is 0. It returns an error if a value is not a number up to about 10^307, or a sample has more than 100,000.
func HodgesLehmann(x, y []float64, alpha float64) (Shift, error) {
	if err := errors.Join(rankable(x), rankable(y)); err != nil {
		return Shift{}, err
	}
	s := Shift{Low: math.Inf(-1), High: math.Inf(1)}
	pairs := int64(len(x)) * int64(len(y))
	if pairs == 0 {
		return s, nil
	}
	x, y = slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y))
	low, high := difference(x, y, (pairs+1)/2), difference(x, y, pairs/2+1)
	s.Estimate = low + (high-low)/2
	if !(alpha > 0 && alpha < 1) {
		return s, nil
	}
	sd := math.Sqrt(float64(pairs) / 12 * float64(len(x)+len(y)+1))
	if k := int64(math.Floor(float64(pairs)/2 + 0.5 - math.Sqrt2*math.Erfinv(1-alpha)*sd)); k >= 1 {
		s.Low, s.High = difference(x, y, k), difference(x, y, pairs+1-k)
	}
	return s, nil
}

// difference returns the k-th of the differences x − y in rising order, counted from 1, of sorted samples. It bisects the
// floating-point numbers themselves, so what it finds is one of the differences.
func difference(x, y []float64, k int64) float64 {
	low, high := ordinal(x[0]-y[len(y)-1]), ordinal(x[len(x)-1]-y[0])
	for low < high {
		middle := low + int64(uint64(high-low)/2)
		if atMost(x, y, ordinalValue(middle)) >= k {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return ordinalValue(low)
}

// atMost counts the differences x − y that are d at most.
func atMost(x, y []float64, d float64) int64 {
	var count int64
	j := 0 // y[j:] are those that are close enough to the present x, or above it
	for _, v := range x {
		for j < len(y) && v-y[j] > d {
			j++
		}
		count += int64(len(y) - j)
	}
	return count
}

// ordinal numbers floating-point numbers in rising order, around 0 at 0.
func ordinal(f float64) int64 {
	b := int64(math.Float64bits(f))
	if b < 0 {
		return math.MinInt64 - b
	}
	return b
}

func ordinalValue(o int64) float64 {
	if o < 0 {
		return math.Float64frombits(uint64(math.MinInt64 - o))
	}
	return math.Float64frombits(uint64(o))
}
