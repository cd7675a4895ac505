package stats

import (
	"math"
	"sync"
)

// bandFrom is the least number of values that QuantileBand says something of, bandShape the A of the bound: a good one
// for some thousand values and usual levels.
const (
	bandFrom  = 100
	bandShape = 0.85
)

// QuantileBand returns between which shares of the n values, in rising order, the true q-quantile lies: with a probability
// of at least 1−alpha, for all q and at all times at once, so it may be looked at as often as one likes and for any number
// of quantiles. Who has a histogram takes the lower edge of the bucket in which the share lower is reached, and the upper
// edge of that of upper. A lower of 0 says that nothing bounds the quantile from below, not even the least value; an upper
// of 1 that nothing does from above. Both say so with fewer than 100 values, if q is not within [0, 1] or alpha not within
// (0, 1).
//
// The values are taken for independent and of one distribution, so of latencies it is a description, not a verdict
// (Howard, Ramdas, "Sequential estimation of quantiles with applications to A/B testing and best-arm identification",
// 2022, theorem 2: Dvoretzky, Kiefer and Wolfowitz's inequality, uniform in time).
func QuantileBand(n int64, q, alpha float64) (lower, upper float64) {
	if n < bandFrom || !(q >= 0 && q <= 1) || !(alpha > 0 && alpha < 1) {
		return 0, 1
	}
	d := empiricalProcess(float64(n), bandFrom, alpha, bandShape)
	return math.Max(0, q-d), math.Min(1, q+d)
}

// empiricalProcess bounds, for all t ≥ from, how far the share of t values at or below any x is from its probability.
func empiricalProcess(t, from, alpha, a float64) float64 {
	return a * math.Sqrt((math.Log1p(math.Log(t/from))+processConstant(a, alpha))/t)
}

// constants are what processConstant has found. Programs ask for a level or two; more are found anew each time.
var constants struct {
	sync.Mutex
	found map[[2]float64]float64
}

// processConstant is the least c for which the bound is exceeded with a probability of at most alpha. Finding it takes a
// millisecond.
func processConstant(a, alpha float64) float64 {
	constants.Lock()
	defer constants.Unlock()
	if c, ok := constants.found[[2]float64{a, alpha}]; ok {
		return c
	}
	low, high := 0.0, 1.0
	for processError(a, high) > alpha {
		low, high = high, 2*high
	}
	for range 60 {
		if c := (low + high) / 2; processError(a, c) > alpha {
			low = c
		} else {
			high = c
		}
	}
	if constants.found == nil {
		constants.found = make(map[[2]float64]float64)
	}
	if len(constants.found) < 16 {
		constants.found[[2]float64{a, alpha}] = high
	}
	return high
}

// processError is the probability that A·sqrt((ln(1+ln(t/from)) + c)/t) is ever exceeded, at most: the least over η, which
// says how geometric the epochs are that the proof makes of time. It falls with c.
func processError(a, c float64) float64 {
	at := func(eta float64) float64 {
		root := a - math.Sqrt(2*(eta-1)/c)
		g := 2 / eta * root * root
		if root <= 0 || g <= 1 {
			return math.Inf(1)
		}
		return 4 * math.Exp(-g*c) * (1 + 1/((g-1)*math.Log(eta)))
	}
	// Any η will do for the bound to hold; a finer and finer search around the best one makes it narrow.
	from, to, best, least := 1.0, 2*a*a, 0.0, math.Inf(1)
	for range 6 {
		const parts = 40
		step := (to - from) / parts
		for i := 1; i < parts; i++ {
			if eta := from + step*float64(i); at(eta) < least {
				best, least = eta, at(eta)
			}
		}
		if math.IsInf(least, 1) {
			return least
		}
		from, to = math.Max(1, best-step), best+step
	}
	return least
}
