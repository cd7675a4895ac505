package stats

import "math"

// A Mixture is the two-sided normal mixture: what exp(λS − λ²V/2) is on average over normal λ with mean 0 and variance
// 1/Rho. S is a sum that is around 0 if there is nothing to find, V its variation, in units of S². The larger Rho, above
// 0, the later it is at its best (Robbins, "Statistical methods related to the law of the iterated logarithm", 1970;
// Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", 2021).
type Mixture struct{ Rho float64 }

// TunedMixture returns the mixture whose bound at level alpha is narrowest about where the variation is v. If v is not
// above 0 or alpha not within (0, 1), it returns that of Rho 1.
func TunedMixture(v, alpha float64) Mixture {
	if !(v > 0) || math.IsInf(v, 1) || !(alpha > 0 && alpha < 1) {
		return Mixture{1}
	}
	l := -2 * math.Log(alpha)
	return Mixture{v / (l + math.Log1p(l))}
}

// valid keeps what no mixture has out of the arithmetic.
func (m Mixture) valid(v float64) bool {
	return m.Rho > 0 && !math.IsInf(m.Rho, 1) && v >= 0 && !math.IsInf(v, 1)
}

// LogEvidence returns the natural logarithm of the e-value against "there is nothing to find", at a sum s with the
// variation v. It is 0 if Rho is not above 0, v is below 0, or s or v is not a number.
func (m Mixture) LogEvidence(s, v float64) float64 {
	if !m.valid(v) || math.IsNaN(s) || math.IsInf(s, 0) {
		return 0
	}
	return -0.5*math.Log1p(v/m.Rho) + s*s/(2*(v+m.Rho))
}

// Bound returns how far from 0 the sum may be at the variation v before the evidence is 1/alpha. It is infinite where
// LogEvidence is 0 for lack of sense, and if alpha is not within (0, 1).
func (m Mixture) Bound(v, alpha float64) float64 {
	if !m.valid(v) || !(alpha > 0 && alpha < 1) {
		return math.Inf(1)
	}
	return math.Sqrt((v + m.Rho) * (math.Log1p(v/m.Rho) - 2*math.Log(alpha)))
}

// Radius returns the half width of the asymptotic confidence sequence for the mean of n values with the standard
// deviation sd: an approximation, which becomes good with some hundred values if they are not skewed, each sees a fresh
// one, and Rho is where it is narrowest, in values (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central
// limit theory and asymptotic confidence sequences", 2024; its ρ² is 1/Rho). It is infinite without values, or if sd is
// below 0.
func (m Mixture) Radius(n int64, sd, alpha float64) float64 {
	if n <= 0 || !(sd >= 0) {
		return math.Inf(1)
	}
	return sd * (m.Bound(float64(n), alpha) / float64(n))
}

// LogDifference returns the natural logarithm of the e-value against "the values are symmetric around 0", at their sum s
// with the variation v: the mean of mixtures with Rho 10^-2, 10^-1, … 10^6, so that no scale has to be guessed. Differences
// between two arms that do the same are symmetric, whatever their distribution is, and then no moment is assumed (de la
// Peña, "A general class of exponential inequalities for martingales and ratios", 1999). It is 0 without values.
func LogDifference(s, v float64) float64 {
	var x []float64
	for e := -2; e <= 6; e++ {
		x = append(x, Mixture{math.Pow10(e)}.LogEvidence(s, v))
	}
	return logMeanExp(x)
}

// LogEvidenceDiffer returns [LogDifference] of all values, with V* for the variation: whether the arms differ at all. It
// is no verdict, since any handicap, however slight, is a difference.
func (s *Sequence) LogEvidenceDiffer() float64 { return LogDifference(s.all.Sum, s.Variation(0)) }
