package main

import (
	"slices"
	"time"

	"gnomon/bench/internal/quantile"
)

// A ceiling is how much a row of Gnomon's may cost, or take, beside another row: so many times as much, or so much more.
type ceiling struct {
	row, beside scenario
	latency     bool          // p99 counts instead of processor time
	times       float64       // at most; 0: more counts
	more        time.Duration // at most
}

// ceilings are what Gnomon is held to. They may be lowered, never raised. The one beside nginx's mirror is for a saturated
// nginx, which opens a connection for each copy then; at lower rates it keeps them.
func ceilings() []ceiling {
	var all []ceiling
	for _, rate := range []int{saturated, lowRate, highRate} {
		all = append(all, ceiling{row: plain.at(rate), beside: nginxPlain.at(rate), times: 1.3})
	}
	all = append(all, ceiling{row: mirrored.at(saturated), beside: nginxMirror.at(saturated), times: 0.45})
	all = append(all, ceiling{row: captured.at(saturated), beside: nginxMirror.at(saturated), times: 0.75})
	for _, rate := range []int{saturated, lowRate, highRate} {
		all = append(all, ceiling{row: mirrored.at(rate), beside: nginxPlain.at(rate), times: 2.2})
	}
	for _, s := range []scenario{signed.at(saturated), signed.of(large).at(largeRate)} {
		all = append(all, ceiling{row: s, beside: s.unsigned(), more: signatureCeiling(s.body)})
	}
	all = append(all, ceiling{row: signed.at(lowRate), beside: plain.at(lowRate), times: signatureFactor})
	// What a router adds, it adds to the same work: a machine that runs a shadow as well is slower without a router, too.
	all = append(all, ceiling{row: plain.at(half), beside: modelAlone.at(half), latency: true, more: time.Millisecond})
	all = append(all, ceiling{row: mirrored.at(half), beside: bothModels.at(half), latency: true, more: time.Millisecond})
	return all
}

// signatureFactor is what checking signatures may make of a request at a low rate. What the ceiling in microseconds comes from
// was saturated; at low rates everything takes three to four times as long, nginx too, since caches are cold and processors
// asleep. There the same measurement's ratio counts: 40 µs signed, 32 µs unsigned.
const signatureFactor = 1.25

// signatureCeiling is what checking the signature of a request with a body of n bytes may take.
func signatureCeiling(n int) time.Duration {
	return 5*time.Microsecond + time.Duration(n)*time.Microsecond/1000
}

// judged are those that a ceiling needs.
func judged(scenarios []scenario) []scenario {
	return slices.DeleteFunc(slices.Clone(scenarios), func(s scenario) bool {
		return !slices.ContainsFunc(ceilings(), func(c ceiling) bool { return c.row == s || c.beside == s })
	})
}

// A verdict is a ceiling beside what was measured: in each round for itself, so that what slows the machine down for
// some rounds cancels out.
type verdict struct {
	ceiling
	found []float64 // a factor, or microseconds more; empty: a row is missing
	small bool      // the machine cannot take the row's rate
}

// sure is the confidence with which a ceiling is missed: a round on a machine that does other things as well is no evidence. It takes
// so many rounds to have it.
const (
	sure       = 0.99
	sureRounds = 7
)

// An outcome is what became of a ceiling.
type outcome string

const (
	kept        outcome = "kept"             // the median of the rounds is within it
	doubtful    outcome = "within the noise" // it is not, and may be: the median may lie on either side
	missed      outcome = "MISSED"           // the median is surely above it
	tooSmall    outcome = "machine too small"
	notMeasured outcome = "not measured"
)

// fails reports whether a strict run fails for it.
func (o outcome) fails() bool { return o == missed || o == notMeasured }

func (v verdict) outcome() outcome {
	switch {
	case v.small:
		return tooSmall
	case len(v.found) == 0:
		return notMeasured
	case quantile.Median(v.found) <= v.limit():
		return kept
	case quantile.MedianAbove(v.found, sure) <= v.limit():
		return doubtful
	}
	return missed
}

// limit is a factor, or microseconds.
func (v verdict) limit() float64 {
	if v.times > 0 {
		return v.times
	}
	return inMicros(v.more)
}

// judge holds the rows to the ceilings, on a machine that takes so many requests per second when all are copied; 0 is for unknown.
func judge(ceilings []ceiling, rows []*row, capacity float64) []verdict {
	byScenario := make(map[scenario]*row)
	for _, r := range rows {
		byScenario[r.scenario] = r
	}
	var all []verdict
	for _, c := range ceilings {
		r, beside := byScenario[c.row], byScenario[c.beside]
		v := verdict{ceiling: c}
		switch {
		case r == nil || beside == nil || beside.failure != nil:
		case r.failure != nil:
			v.small = r.sampling > 0 && capacity > 0 && float64(r.rate) > capacity
		default:
			for i := range r.rounds {
				v.found = append(v.found, c.compare(r.rounds[i], beside.rounds[i]))
			}
		}
		all = append(all, v)
	}
	return all
}

// compare is what the ceiling limits, in one round.
func (c ceiling) compare(m, beside measurement) float64 {
	of := func(m measurement) time.Duration {
		if c.latency {
			return m.p99
		}
		return m.cpu
	}
	if c.times > 0 {
		return float64(of(m)) / float64(of(beside))
	}
	return inMicros(of(m) - of(beside))
}

func inMicros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
