package main

import (
	"fmt"
	"math"
	"slices"

	"gnomon"
	"gnomon/stats"
	"gnomon/verdict"
)

// 83 minutes of 20 requests a second: more than the 60 points that a chart should have, and as many requests as rank tests take.
const (
	minuteLooks = 600
	blindLooks  = 83 * minuteLooks
	blindPairs  = 2
	differLooks = 500 // between looks at the evidence that the arms differ
)

// changes are what tests of averages are said not to see. Twice the noise of a normal logarithm with a standard deviation s makes
// latency longer by e^(3s²/2) on average, unless it is made up for.
func changes(f family) []scenario {
	madeUp := -1.5 * f.scale * f.scale
	return []scenario{
		{name: "no difference"},
		{name: "noise twice as wide, same geometric mean", wider: 1},
		{name: "noise twice as wide, same average", wider: 1, shift: madeUp},
		{name: "1 in 200 fails", failing: rate{0, 1.0 / 200}},
	}
}

// seen is what came of one stream.
type seen struct {
	minutes, minutesErrors, requests bool // Mann and Whitney on averages of minutes, shares of failures by minute, requests
	judged                           verdict.Judged
	differ, p95, p99                 bool
}

func (b *book) blind() {
	p := b.plan
	p.streams, p.pairs = b.few, blindPairs
	p.looks = min(blindLooks, max(6*minuteLooks, 8*b.plan.looks))
	var rows [][]string
	for _, f := range b.families {
		if f.name != "normal" && f.name != "AR(1) .5" {
			continue
		}
		for _, s := range changes(f) {
			b.doing(&s, f)
			all := each(p.streams, func(i int) seen { return p.ways(f, &s, i) })
			row := []string{f.name, s.name}
			for _, is := range []func(*seen) bool{
				func(s *seen) bool { return s.minutes },
				func(s *seen) bool { return s.minutesErrors },
				func(s *seen) bool { return s.requests },
				func(s *seen) bool { return s.judged.Latency == verdict.Worse },
				func(s *seen) bool { return s.judged.Latency == verdict.NoWorse || s.judged.Latency == verdict.Better },
				func(s *seen) bool { return s.judged.Errors == verdict.Worse },
				func(s *seen) bool { return s.differ },
				func(s *seen) bool { return s.p95 },
				func(s *seen) bool { return s.p99 },
			} {
				n := count(all, is)
				row = append(row, fmt.Sprintf("%.0f", 100*float64(n.hits)/float64(n.of)))
			}
			rows = append(rows, row)
		}
	}
	b.table(fmt.Sprintf("What tests of averages do not see: found in %% of %d streams of %d minutes at %d requests/s. Beside it what is told of these verdicts,\n"+
		"and what is shown with them: the evidence that latencies differ at all (e-value of 20), and whether the bands of p95 and p99 are apart, of which the second says nothing of fewer than 78,000 requests.", p.streams, p.looks/minuteLooks, 10*p.pairs),
		[]string{"", "", "Mann–Whitney, minutes' averages", "minutes' failures", "requests", "latency worse", "latency no worse", "errors worse", "differ", "p95 apart", "p99 apart"}, rows)
}

// ways judges one stream in each way.
func (p plan) ways(f family, s *scenario, stream int) (found seen) {
	from := newSource(f, s, s.shift, random(f, s, stream))
	r := verdict.NewRehearsal(gnomon.Trial{}, p.leastTime)
	pairs := make([]gnomon.Pair, p.pairs)
	var all, averages, failures [2][]float64
	var sum, failed [2]float64
	for look := range p.looks {
		from.fill(pairs)
		for i := range pairs {
			for arm, side := range [2]*gnomon.Side{&pairs[i].Production, &pairs[i].Shadow} {
				sum[arm] += float64(side.ModelLatency)
				if side.Failed() {
					failed[arm]++
				}
				all[arm] = append(all[arm], float64(side.ModelLatency))
			}
		}
		r.Slot(int64(look), pairs)
		if (look+1)%differLooks == 0 {
			found.differ = found.differ || r.Report().Latency.DifferE >= math.Log10(20)
		}
		if (look+1)%minuteLooks == 0 {
			for arm := range sum {
				averages[arm], failures[arm] = append(averages[arm], sum[arm]), append(failures[arm], failed[arm])
			}
			sum, failed = [2]float64{}, [2]float64{}
		}
	}
	found.judged = r.Judged()
	found.minutes, found.minutesErrors, found.requests = ranked(averages), ranked(failures), ranked(all)
	for _, values := range all {
		slices.Sort(values)
	}
	found.p95, found.p99 = apart(all, 0.95), apart(all, 0.99)
	return found
}

// ranked is what Mann and Whitney's test finds.
func ranked(arms [2][]float64) bool {
	t, err := stats.MannWhitney(arms[1], arms[0])
	if err != nil {
		panic(err) // there are no more than it takes
	}
	return t.P < familiarLevel
}

// apart reports whether the bands of the arms' quantile do not overlap, at a level of 5 % for both. The arms are sorted.
func apart(arms [2][]float64, q float64) bool {
	n := len(arms[0])
	low, high := stats.QuantileBand(int64(n), q, familiarLevel/2)
	if high >= 1 {
		return false
	}
	var bands [2][2]float64
	for arm, values := range arms {
		bands[arm] = [2]float64{values[int(low*float64(n))], values[int(high*float64(n))]}
	}
	return bands[1][0] > bands[0][1] || bands[0][0] > bands[1][1]
}
