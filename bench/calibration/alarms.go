package main

import (
	"fmt"
	"math"
	"time"

	"gnomon"
	"gnomon/stats"
)

// How often things happen to arms that do the same.
var (
	fails   = rate{production: 0.005}
	differs = rate{production: 0.01}
)

// The scenarios of false verdicts.
var (
	// Production is asked once more, so that there is something to be wrong about in its answers.
	same = scenario{name: "the same twice", judging: gnomon.Judging{NoiseFloor: 1}, failing: fails, differing: differs}
	// The smallest margins there may be leave nothing but the evidence.
	sameSmallest = scenario{name: "the same twice, smallest margins", failing: fails, differing: differs,
		judging: gnomon.Judging{NoiseFloor: 1, LatencyMargin: 0.001, ErrorMargin: 0.00001, AnswerMargin: 0.00001}}
)

// atMargin are shadows that are just as much worse as they may not be.
func atMargin() []scenario {
	j := gnomon.Judging{}.WithDefaults()
	slower, failsMore := math.Log1p(j.LatencyMargin), rate{fails.production, j.ErrorMargin}
	neverFails, answersMore := rate{0, j.ErrorMargin}, rate{0, j.AnswerMargin}
	return []scenario{
		{name: "latency at its margin", shift: slower, failing: fails},
		{name: "errors at their margin", failing: failsMore},
		{name: "errors at their margin, production has none", failing: neverFails},
		{name: "answers at their margin", failing: fails, differing: answersMore},
		{name: "all at their margins", shift: slower, failing: failsMore, differing: answersMore},
	}
}

// at is the metrics that are at their margins, by scenario of atMargin.
var at = [][]int{{latency}, {errs}, {errs}, {answers}, {latency, errs, answers}}

// falseVerdicts prints how often the same model is found worse, and one that is worse by the margin no worse, or worse by more.
func (b *book) falseVerdicts() {
	b.alike()
	b.boundary()
}

// Other tests of arms that do the same.
type familiar struct{ peeked, ranked bool }

// familiarLevel is that of the familiar tests, familiarFrom how many values the peeked one begins with.
const (
	familiarLevel = 0.05
	familiarFrom  = 30
)

// A watcher does to the latencies of one stream what people do.
type watcher struct {
	found *familiar
	d     stats.Moments
	arms  [2][]float64
	looks int
}

func (w *watcher) see(pairs []gnomon.Pair) {
	for i := range pairs {
		a, b := logLatency(&pairs[i].Production), logLatency(&pairs[i].Shadow)
		w.arms[0], w.arms[1] = append(w.arms[0], a), append(w.arms[1], b)
		w.d = w.d.Plus(stats.Moments{N: 1, Sum: b - a, SumSq: (b - a) * (b - a)})
	}
	w.found.peeked = w.found.peeked || w.d.N >= familiarFrom && stats.ZTest(w.d, 0) < familiarLevel
	if w.looks--; w.looks == 0 {
		const most = 100_000 // that the test takes
		n := min(len(w.arms[0]), most)
		w.found.ranked = ranked([2][]float64{w.arms[0][:n], w.arms[1][:n]})
		w.arms = [2][]float64{}
	}
}

func (b *book) alike() {
	var rows [][]string
	for _, f := range b.judged() {
		b.doing(&same, f)
		others := make([]familiar, b.plan.streams)
		all := b.plan.run(f, &same, func(i int) func([]gnomon.Pair) {
			return (&watcher{found: &others[i], looks: b.plan.looks}).see
		})
		row := []string{f.name}
		for i := range verdicts {
			row = append(row, b.promise(worse(all, i), "found worse by "+metricNames[i]+", the same twice", f))
		}
		b.doing(&sameSmallest, f)
		strict := b.plan.run(f, &sameSmallest, nil)
		row = append(row, b.promise(worse(strict, overall), "found worse with the smallest margins, the same twice", f),
			count(all, func(o *outcome) bool { return o.noWorse[overall] > 0 }).String(),
			count(others, func(o *familiar) bool { return o.peeked }).String(), count(others, func(o *familiar) bool { return o.ranked }).String())
		rows = append(rows, row)
	}
	b.table(fmt.Sprintf("The same model twice: ever found worse. Both arms fail in %g %% of the requests, and answers differ in %g %% from the others and from\n"+
		"production's own. Beside it a z-test of pairs at %g %%, looked at in each slot, and Mann and Whitney's at the end.",
		100*fails.production, 100*differs.production, 100*familiarLevel),
		[]string{"", "latency", "errors", "answers", "overall", "smallest margins", "(no worse)", "peeked z-test", "Mann–Whitney"}, rows)
}

func worse(all []outcome, i int) share {
	return count(all, func(o *outcome) bool { return o.worse[i] > 0 })
}

func noWorse(all []outcome, i int) share {
	return count(all, func(o *outcome) bool { return o.noWorse[i] > 0 })
}

// atTheMargin is the plan for shadows that are worse by just the margin: long enough for them to be found no worse, and, since each
// stream is so long, of fewer streams.
func (b *book) atTheMargin() plan {
	p := b.plan
	p.looks, p.streams = max(p.looks, marginLooks*p.looks/5000), max(1, p.streams/10)
	return p
}

// marginLooks are half an hour, for 5,000 looks elsewhere: what is found no worse takes twenty minutes.
const marginLooks = 18_000

func better(all []outcome, i int) share {
	return count(all, func(o *outcome) bool { return o.better[i] > 0 })
}

// sameForLong is production beside itself for as long as what is at its margin.
var sameForLong = scenario{name: "the same twice, for long", failing: fails, differing: differs}

func (b *book) boundary() {
	p := b.atTheMargin()
	var own, whole, above, equal [][]string
	for _, f := range b.families {
		b.doing(&sameForLong, f)
		row, all := []string{f.name}, p.run(f, &sameForLong, nil)
		for _, m := range []int{latency, errs, overall} {
			row = append(row, b.promise(better(all, m), "found better by "+metricNames[m]+", the same twice", f))
		}
		equal = append(equal, row)
		slower := 100 * math.Expm1(shiftFor(f, atMargin()[0].shift))
		rowOwn, rowWhole, rowAbove := []string{f.name, fmt.Sprintf("%.2f", slower)}, []string{f.name}, []string{f.name}
		for i, s := range atMargin() {
			b.doing(&s, f)
			all := p.run(f, &s, nil)
			rowWhole = append(rowWhole, b.promise(noWorse(all, overall), "found no worse, "+s.name, f))
			if len(at[i]) == 1 {
				m := at[i][0]
				rowOwn = append(rowOwn, b.promise(noWorse(all, m), "found no worse by "+metricNames[m]+", "+s.name, f))
				rowAbove = append(rowAbove, b.promise(worse(all, m), "found worse by "+metricNames[m]+", "+s.name, f))
			} else {
				rowAbove = append(rowAbove, b.promise(worse(all, overall), "found worse, "+s.name, f))
			}
		}
		own, whole, above = append(own, rowOwn), append(whole, rowWhole), append(above, rowAbove)
	}
	head := []string{"", "latency", "errors", "errors, production has none", "answers"}
	b.table(fmt.Sprintf("%d streams of %d slots, %v: what is found no worse takes long.\n", p.streams, p.looks, time.Duration(p.looks)*100*time.Millisecond)+
		"Worse by just the margin in one of them: that one ever found no worse. Latencies are longer by so many % that the mean of the\n"+
		"logarithm within ±1 is that of the margin: found by bisection over a million simulated differences.\n"+
		"(* A verdict is about the time so far, so of these nothing is promised.)", append([]string{"", "slower by"}, head[1:]...), own)
	b.table("The same: ever found no worse overall; with the others the same twice, and with all at their margins.", append(head[:5:5], "all"), whole)
	b.table("The same: ever found worse, which is to be said of more than the margin.", append(head[:5:5], "all"), above)
	b.table("The same model twice, for as long: ever found better, however little.", []string{"", "latency", "errors", "overall"}, equal)
}
