// Package stats is the arithmetic behind the verdict of a shadow test: functions of numbers, that know nothing of
// requests, clocks or stores. Start at [Sequence], the one confidence sequence behind every verdict. Its
// [Sequence.LogEvidenceDiffer], by [Mixture], says whether two arms differ at all. [QuantileBand] bounds quantiles,
// [ShareEvidence] checks an accounting, [Discordant] is McNemar's test. All of these may be looked at as often as one
// likes. [MannWhitney], [HodgesLehmann] and [ZTest] are good for one look, and are there to be compared with.
//
// Evidence is the natural logarithm of an e-value: what a fair bet against a claim has made of a stake of 1. If the claim
// is true it reaches ln(1/alpha), ever, with a probability of at most alpha (Ramdas, Grünwald, Vovk, Shafer,
// "Game-theoretic statistics and safe anytime-valid inference", 2023). E-values may be averaged.
//
// Nothing here returns a NaN. What a function says of no data at all stands in its comment.
package stats
