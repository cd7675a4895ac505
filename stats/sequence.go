package stats

import (
	"errors"
	"fmt"
	"math"
)

// Moments are the sums over the values x of a slot: how many there are, Σx and Σx².
type Moments struct {
	N     int64
	Sum   float64
	SumSq float64
}

// Plus returns the sums over both slots.
func (m Moments) Plus(o Moments) Moments {
	return Moments{m.N + o.N, m.Sum + o.Sum, m.SumSq + o.SumSq}
}

// Mean returns the arithmetic mean, 0 without values.
func (m Moments) Mean() float64 {
	if m.N == 0 {
		return 0
	}
	return m.Sum / float64(m.N)
}

// Variance returns the values' own variance around their mean, with n−1 below, 0 of fewer than two values.
func (m Moments) Variance() float64 {
	if m.N < 2 {
		return 0
	}
	return max(0, m.SumSq-m.Sum*m.Mean()) / float64(m.N-1)
}

// slack is what rounding may do to sums, as a share of them: after 10^8 additions of one value it is some 10^-9.
const slack = 1e-6

// check says whether m can be the sums of values within [-bound, bound].
func (m Moments) check(bound float64) error {
	n := float64(m.N)
	switch {
	case m.N < 0:
		return fmt.Errorf("%d values: a count is 0 or more", m.N)
	case !(math.Abs(m.Sum) <= n*bound*(1+slack)):
		return fmt.Errorf("sum %g of %d values: want at most %g each, up or down", m.Sum, m.N, bound)
	case !(m.SumSq <= n*bound*bound*(1+slack)):
		return fmt.Errorf("sum of squares %g of %d values: want at most %g each", m.SumSq, m.N, bound*bound)
	case !(m.Sum*m.Sum <= n*m.SumSq*(1+slack)):
		return fmt.Errorf("sum %g and sum of squares %g of %d values: no values have these", m.Sum, m.SumSq, m.N)
	}
	return nil
}

// A Sequence is a confidence sequence for the mean of values x within [-Bound, Bound]: an interval that may be looked at
// at any time and as often as one likes, and is wrong, ever, with a probability of at most alpha on each side. It takes
// the values in slots, sums over all that fell into a short stretch of time, in the order of time.
//
// Exact is what it says, of an m that was fixed before, about the mean of what was to be expected of each value given those
// before it. Neither symmetry nor equal distribution is assumed, and that mean may move (Fan, Grama, Liu, "Exponential
// inequalities for martingales with applications", 2015; Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform Chernoff bounds
// via nonnegative supermartingales", 2020, and "Time-uniform, nonparametric, nonasymptotic confidence sequences", 2021).
//
// Wanted is the mean in the long run, and neighbours in time that resemble each other make it less certain than single
// values tell. So variation is taken over runs of 1, 2, 4, 8, … slots too, and the largest counts: see
// [Sequence.Variation]. That sees dependence that lasts for up to a sixteenth of the time so far. It sees none that lasts
// longer, so whoever draws a verdict also asks for a least time; and no burst that has not come yet: that bad values come
// one by one, not by the hundred, is taken for granted until the first such run is in.
//
// Its state is a few numbers per doubling of slots, and does not depend on m. It keeps no extremes of its bounds: who
// wants a verdict to last, latches it. A Sequence may be used from one goroutine at a time. The zero value takes no values
// and has infinite bounds: make one by [NewSequence].
type Sequence struct {
	bound float64
	all   Moments
	slots int64 // non-empty ones
	runs  []runs
}

// NewSequence returns an empty sequence for values within [-bound, bound]. It panics unless bound is positive and finite.
func NewSequence(bound float64) *Sequence {
	if !validBound(bound) {
		panic(fmt.Sprintf("stats: bound %g: want a positive number", bound))
	}
	return &Sequence{bound: bound}
}

// Squares, and sums of squares of many, have to stay within a float64.
func validBound(b float64) bool { return b >= 1e-60 && b <= 1e60 }

// Add adds the next slot in time. One without values changes nothing, nor does one that is refused since values within
// the bound cannot have such sums.
func (s *Sequence) Add(m Moments) error {
	if s.bound == 0 {
		return errors.New("stats: a sequence without a bound: want one by NewSequence")
	}
	if err := m.check(s.bound); err != nil {
		return fmt.Errorf("stats: slot: %w", err)
	}
	if m.N == 0 {
		return nil
	}
	if m.N > math.MaxInt64-s.all.N {
		return fmt.Errorf("stats: slot: %d values after %d: more than can be counted", m.N, s.all.N)
	}
	s.all = s.all.Plus(m)
	s.slots++
	for k := range s.runs {
		s.runs[k].add(m, s.slots&(1<<k-1) == 0)
	}
	if s.slots == 1<<len(s.runs) { // all slots so far are the first run of a new length
		var first runs
		first.add(s.all, true)
		s.runs = append(s.runs, first)
	}
	return nil
}

// Bound returns what the values lie within, up and down.
func (s *Sequence) Bound() float64 { return s.bound }

// N returns how many values there are.
func (s *Sequence) N() int64 { return s.all.N }

// Slots returns how many slots had values.
func (s *Sequence) Slots() int64 { return s.slots }

// Moments returns the sums over all values.
func (s *Sequence) Moments() Moments { return s.all }

// Mean returns the arithmetic mean of the values, 0 if there are none.
func (s *Sequence) Mean() float64 {
	if s.all.N == 0 {
		return 0
	}
	return s.all.Sum / float64(s.all.N)
}

// Variation returns V*, the quadratic variation of m − x that evidence about m is weighed against, 0 without values: the
// largest of Σ(m−x)² over single values and Σ(Σ(m−x))² over runs of 1, 2, 4, 8, … slots. A length counts from 16 complete
// runs on, so that its figure is not chance.
//
// The incomplete run at the end counts as a run, and at least as much as complete ones of as many values did: else the
// evidence would have values that the variation does not have, and moments at which an incomplete run happens to cancel
// out would be taken for calm ones.
//
// Of a length, m counts as no further from the mean than three standard errors of that length. Within them the variation
// is about m, as theory has it. Far away it would be made of the distance itself, and of 16 runs that say the same
// against m no one could conclude more than √16 standard errors, be they as alike as they may.
func (s *Sequence) Variation(m float64) float64 {
	n := float64(s.all.N)
	v := math.Max(0, n*m*m-2*m*s.all.Sum+s.all.SumSq)
	for k := range s.runs {
		if r := &s.runs[k]; r.count >= enoughRuns {
			v = math.Max(v, r.variation(m, s.Mean(), n))
		}
	}
	return v
}

// The grid of λ = θ/(1+θ). The best λ for a sum A with variation V has θ = A/V, so θ is spaced evenly by ratios: 2^-16
// is for a thousand million wildly varying values, 256 for rare failures. Above 4 a step of 4 loses less than 4 % of the
// evidence. Each weighs the same.
var grid = newGrid()

type bet struct{ lambda, psi float64 }

func newGrid() []bet {
	var g []bet
	for _, e := range []int{8, 6, 4, 2, 1, 0, -1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12, -13, -14, -15, -16} {
		theta := math.Ldexp(1, e)
		lambda := theta / (1 + theta)
		g = append(g, bet{lambda, psiE(lambda)})
	}
	return g
}

// psiE is ψ_E(λ) = −ln(1−λ) − λ, 0 ≤ λ < 1: exp(λξ − ψ_E(λ)ξ²) ≤ 1 + λξ for all ξ ≥ −1 (Fan, Grama, Liu 2015).
func psiE(lambda float64) float64 {
	if lambda < 1e-4 { // where the difference would lose digits
		return lambda * lambda * (0.5 + lambda*(1.0/3+lambda/4))
	}
	return -math.Log1p(-lambda) - lambda
}

// logEvidence is ln of the mean of exp(λa − ψ_E(λ)v) over the grid.
func logEvidence(a, v float64) float64 {
	var x [32]float64
	for i, b := range grid {
		x[i] = b.lambda*a - b.psi*v
	}
	return logMeanExp(x[:len(grid)])
}

// logMeanExp is ln of the mean of e^x.
func logMeanExp(x []float64) float64 {
	most := math.Inf(-1)
	for _, v := range x {
		most = max(most, v)
	}
	if math.IsInf(most, 0) {
		return most
	}
	sum := 0.0
	for _, v := range x {
		if d := v - most; d > -40 { // less than that is lost in rounding
			sum += math.Exp(d)
		}
	}
	return most + math.Log(sum/float64(len(x)))
}

// LogEvidenceBelow returns the natural logarithm of the e-value against "the mean is m or more": whoever believes that
// sees a value of ln(1/alpha) or more, ever, with a probability of at most alpha. Its exponential may be averaged with
// that of others. It is 0 without values, and if m is not a number.
func (s *Sequence) LogEvidenceBelow(m float64) float64 { return s.logEvidence(m, +1) }

// LogEvidenceAbove returns the natural logarithm of the e-value against "the mean is m or less".
func (s *Sequence) LogEvidenceAbove(m float64) float64 { return s.logEvidence(m, -1) }

func (s *Sequence) logEvidence(m, sign float64) float64 {
	if s.all.N == 0 || math.IsNaN(m) {
		return 0
	}
	m = math.Max(-s.bound, math.Min(s.bound, m)) // no mean is beyond
	c := s.bound + math.Abs(m)
	a := sign * (float64(s.all.N)*m - s.all.Sum)
	return logEvidence(a/c, s.Variation(m)/(c*c))
}

// Upper returns the upper bound of the mean: with a probability of at least 1−alpha, the mean is never above it. It is
// Bound as long as nothing lower can be said, which holds without values and if alpha is not within (0, 1).
func (s *Sequence) Upper(alpha float64) float64 { return s.edge(alpha, +1) }

// Lower returns the lower bound of the mean: with a probability of at least 1−alpha, the mean is never below it. It is
// -Bound as long as nothing higher can be said. Both bounds together have 1−2·alpha.
func (s *Sequence) Lower(alpha float64) float64 { return s.edge(alpha, -1) }

// steps per halving of the distance to the mean, and how often it is halved, in search of a bound.
const (
	steps    = 4
	halvings = 50
)

// edge returns, of the m that are not refuted, the one furthest away in the direction of sign. The evidence may fall with
// the distance from the mean, so it looks from the outside in, at steps of the distance: all beyond what it returns is
// refuted, but for a gap that would have to fit between two steps.
func (s *Sequence) edge(alpha, sign float64) float64 {
	end := sign * s.bound
	if s.bound == 0 {
		return math.Inf(int(sign))
	}
	if s.all.N == 0 || !(alpha > 0 && alpha < 1) {
		return end
	}
	enough := -math.Log(alpha)
	refuted := func(m float64) bool { return s.logEvidence(m, sign) >= enough }
	if !refuted(end) {
		return end
	}
	mean := s.Mean()
	outside, inside := end, mean
	for i := 1; i <= steps*halvings; i++ {
		m := mean + (end-mean)*math.Exp2(-float64(i)/steps)
		if !refuted(m) {
			inside = m
			break
		}
		outside = m
	}
	for range 60 {
		m := inside + (outside-inside)/2
		if m == inside || m == outside {
			break
		}
		if refuted(m) {
			outside = m
		} else {
			inside = m
		}
	}
	return outside
}

// PairsToDecide predicts how many further values it takes until the bound passes m, if mean and variation per value stay
// as they are: the upper bound, from above, if the mean is below m, else the lower one. It is 0 if the bound has passed m,
// and false if it never will, as far as can be told: without values, at a mean of m, beyond the bound, after 2^53 values.
func (s *Sequence) PairsToDecide(m, alpha float64) (int64, bool) {
	if s.all.N == 0 || !(alpha > 0 && alpha < 1) || !(math.Abs(m) <= s.bound) {
		return 0, false
	}
	n, c := float64(s.all.N), s.bound+math.Abs(m)
	a := math.Abs(n*m-s.all.Sum) / c / n
	v := s.Variation(m) / (c * c) / n
	decided := func(n float64) bool { return logEvidence(n*a, n*v) >= -math.Log(alpha) }
	if decided(n) {
		return 0, true
	}
	const most = 1 << 53
	if n >= most || !decided(most) {
		return 0, false
	}
	// The evidence is a convex function of n and 0 at 0: it passes what is enough once.
	before, after := n, float64(most)
	for after-before > 1 {
		if middle := math.Floor(before + (after-before)/2); decided(middle) {
			after = middle
		} else {
			before = middle
		}
	}
	return int64(after - n), true
}
