package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"gnomon"
)

// A question is how many pairs it takes until something is said.
type question struct {
	head string
	scenario
	first func(*outcome) int64
}

// questions are asked of each family. Where nothing else is said, nothing fails and no answer differs.
var questions = []question{
	{"no worse overall: no difference", scenario{name: "no difference"}, func(o *outcome) int64 { return o.noWorse[overall] }},
	{"by latency", scenario{name: "no difference"}, func(o *outcome) int64 { return o.noWorse[latency] }},
	{"by errors: both fail in 0.5 %", scenario{name: "both fail in 0.5 %", failing: fails}, func(o *outcome) int64 { return o.noWorse[errs] }},
	{"worse: 5 % slower", scenario{name: "5 % slower", shift: math.Log(1.05)}, func(o *outcome) int64 { return o.worse[overall] }},
	{"1 in 200 fails", scenario{name: "1 in 200 fails", failing: rate{0, 1.0 / 200}}, func(o *outcome) int64 { return o.worse[overall] }},
	{"1 in 100 answers differs", scenario{name: "1 in 100 answers differs", differing: rate{0, 1.0 / 100}}, func(o *outcome) int64 { return o.worse[overall] }},
}

// powerLooks is how long streams last at most: more than an hour.
const powerLooks = 40_000

func (b *book) power() {
	p := b.plan
	p.streams, p.looks = b.few, min(powerLooks, 8*p.looks)
	head := []string{"pairs until"}
	for _, q := range questions {
		head = append(head, q.head)
	}
	var rows [][]string
	for _, f := range b.judged() {
		row := []string{f.name}
		for i := range questions {
			q := &questions[i]
			b.doing(&q.scenario, f)
			p.stop = func(o *outcome) bool { return q.first(o) > 0 }
			row = append(row, median(p.run(f, &q.scenario, nil), q.first))
		}
		rows = append(rows, row)
	}
	b.table(fmt.Sprintf("Pairs until a verdict: the median of %d streams, and in brackets what 9 in 10 take; where not all had it after %d pairs, how many had.\n"+
		"The margins are the defaults, and the least time is over after %d pairs.", p.streams, p.looks*p.pairs, p.leastPairs()), head, rows)
	b.pairing()
}

// leastPairs is how many pairs there are when the least time is over.
func (p plan) leastPairs() int {
	least := p.leastTime
	if least == 0 {
		least = time.Minute
	}
	return (int(least/(100*time.Millisecond)) + 1) * p.pairs
}

// median is that of how many pairs it took, and the ninth decile.
func median(all []outcome, first func(*outcome) int64) string {
	var took []int64
	for i := range all {
		if n := first(&all[i]); n > 0 {
			took = append(took, n)
		}
	}
	slices.Sort(took)
	at := func(q float64) string {
		if i := int(q * float64(len(all))); i < len(took) {
			return fmt.Sprint(took[i])
		}
		return "–"
	}
	text := fmt.Sprintf("%s (%s)", at(0.5), at(0.9))
	if len(took) < len(all) {
		text += fmt.Sprintf(" %d %%", 100*len(took)/len(all))
	}
	return text
}

// What pairing buys is shown on arms whose logarithms of latency have this standard deviation and correlation, of which the
// shadow is slower by a share, by the smallest margin.
const (
	armSD       = 0.35
	correlation = 0.9
	slowdown    = 0.02
	pairedMost  = 60_000
	pairedLeast = 10 * time.Second // the usual least time would decide it
)

// pairing prints how many pairs it takes until a shadow is found worse that is slower, in pairs as they are and with the same
// latencies of the shadow in another order: two samples that were not paired. There is one pair in each slot.
func (b *book) pairing() {
	by := gnomon.Judging{LatencyMargin: 0.001}
	p := b.plan
	p.pairs, p.looks, p.leastTime = 1, pairedMost, pairedLeast
	p.stop = func(o *outcome) bool { return o.worse[latency] > 0 }
	fmt.Fprintf(b.progress, "%7.0fs  what pairing buys\n", time.Since(b.began).Seconds())
	both := each(b.few, func(i int) [2]outcome {
		r := rand.New(rand.NewPCG(uint64(i), 13))
		production, shadow := correlated(r)
		paired := p.one(replayed(production, shadow), by, nil)
		r.Shuffle(len(shadow), func(i, j int) { shadow[i], shadow[j] = shadow[j], shadow[i] })
		return [2]outcome{paired, p.one(replayed(production, shadow), by, nil)}
	})
	var rows [][]string
	var middle [2]float64
	for i, name := range []string{"paired", "the same, not paired"} {
		var all []outcome
		for _, o := range both {
			all = append(all, o[i])
		}
		found := func(o *outcome) int64 { return o.worse[latency] }
		fmt.Sscan(median(all, found), &middle[i])
		rows = append(rows, []string{name, median(all, found)})
	}
	b.table(fmt.Sprintf("What pairing buys: pairs until a shadow that is %g %% slower is found worse by more than %g %%; arms with a standard deviation of %g\n"+
		"and a correlation of %g. Theory has 1 ÷ (1 − correlation) = %.0f; here it is %.1f.",
		100*slowdown, 100*by.LatencyMargin, armSD, correlation, 1/(1-correlation), middle[1]/middle[0]), []string{"", "pairs"}, rows)
}

// correlated returns logarithms of latency of both arms.
func correlated(r *rand.Rand) (production, shadow []float64) {
	common, own := armSD*math.Sqrt(correlation), armSD*math.Sqrt(1-correlation)
	for range pairedMost {
		c := common * r.NormFloat64()
		production = append(production, c+own*r.NormFloat64())
		shadow = append(shadow, c+own*r.NormFloat64()+math.Log1p(slowdown))
	}
	return production, shadow
}

// replayed makes pairs of what is there.
func replayed(production, shadow []float64) func([]gnomon.Pair) {
	next := 0
	return func(pairs []gnomon.Pair) {
		for i := range pairs {
			pairs[i] = gnomon.Pair{Bucket: gnomon.BucketMirrored, Production: side(production[next], false, false), Shadow: side(shadow[next], false, false)}
			next++
		}
	}
}
