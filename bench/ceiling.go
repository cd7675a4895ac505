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
	for _, s := range []scenario{plain, mirrored} {
		all = append(all, ceiling{row: s.at(half), beside: modelAlone.at(half), latency: true, more: time.Millisecond})
	}
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
}

// kept is false for what was not measured.
func (v verdict) kept() bool { return len(v.found) > 0 && quantile.Median(v.found) <= v.limit() }

func (v verdict) limit() float64 {
	if v.times > 0 {
		return v.times
	}
	return inMicros(v.more)
}

// judge holds the rows to the ceilings.
func judge(ceilings []ceiling, rows []*row) []verdict {
	byScenario := make(map[scenario]*row)
	for _, r := range rows {
		if r.failure == nil {
			byScenario[r.scenario] = r
		}
	}
	var all []verdict
	for _, c := range ceilings {
		v := verdict{ceiling: c}
		r, beside := byScenario[c.row], byScenario[c.beside]
		if r != nil && beside != nil {
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
