package main

import (
	"fmt"
	"time"

	"gnomon/bench/internal/quantile"
	"gnomon/bench/internal/testbed"
)

// The rule by which a cell fails.
const (
	maxRatio   = 1.10                   // p99 beside that of none: its lower bound may not be above
	confidence = 0.999                  // of that bound
	minHarm    = 300 * time.Microsecond // and less than this is nobody's harm
	maxGrowth  = 0.02                   // of memory, once it has settled
	minGrowth  = 5 << 20                // bytes, which are nothing
	fewBodies  = 4                      // are nothing either: how many are under way at a moment is chance
	minJudged  = 300                    // latencies, of which three are above p99; fewer say nothing of it
)

// judge returns why a result fails; nothing if it passes.
func (r result) judge() []string {
	if r.broken != nil {
		return []string{fmt.Sprintf("it could not be measured: %v", r.broken)}
	}
	var why []string
	if r.failed > 0 {
		why = append(why, fmt.Sprintf("%d requests failed, such as: %v", r.failed, r.example))
	}
	if r.wrong > 0 {
		why = append(why, fmt.Sprintf("%d answers were not those of production", r.wrong))
	}
	if r.sums != nil {
		why = append(why, r.sums.Error())
	}
	if ratio := r.ratio(); r.judged() && tooSlow(ratio) {
		why = append(why, fmt.Sprintf("p99 is %v beside %v, surely more than %.2f times as long", ratio.Of.Round(10*time.Microsecond),
			ratio.Beside.Round(10*time.Microsecond), ratio.Lower))
	}
	if t := testbed.TrendOf(r.vitals, testbed.Memory); t.Grew(maxGrowth, max(minGrowth, fewBodies*int64(r.size.bytes))) {
		why = append(why, fmt.Sprintf("memory grew from %s to %s", megabytes(t.From), megabytes(t.To)))
	}
	return why
}

// judged reports whether latencies are.
func (r result) judged() bool {
	n := 0
	for _, round := range r.rounds {
		n += len(round.Of)
	}
	return n >= minJudged && !r.shadow.Machine
}

// ratio is how p99 lies to that of none.
func (r result) ratio() quantile.Ratio { return quantile.Bound(r.rounds, 0.99, confidence, 1) }

func tooSlow(r quantile.Ratio) bool { return r.Lower > maxRatio && r.Of-r.Beside > minHarm }

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
