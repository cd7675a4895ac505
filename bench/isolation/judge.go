package main

import (
	"fmt"
	"slices"
	"time"

	"gnomon/bench/internal/quantile"
	"gnomon/bench/internal/testbed"
)

// The rule by which a cell fails.
const (
	maxRatio   = 1.10                   // of p99: its lower bound may not be above
	confidence = 0.999                  // of that bound
	minHarm    = 300 * time.Microsecond // and less than this is nobody's harm
	maxGrowth  = 0.02                   // of memory, once it has settled
	minGrowth  = 5 << 20                // bytes, which are nothing
	fewBodies  = 4                      // are nothing either: how many are under way at a moment is chance
	minJudged  = 300                    // latencies, of which three are above p99; fewer say nothing of it

	settling     = time.Minute // of the server's memory; a cell that is shorter has no trend
	itself       = 96 << 20    // bytes that a server holds without copies, at most
	mirrorMemory = 256 << 20   // bytes of copies, by default
	keptMemory   = 64 << 20    // bytes of answers that are kept to be compared, by default
	mirrorCopies = 1024 + 64   // waiting and under way, by default
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
	switch t := testbed.TrendOf(r.vitals, testbed.Memory); {
	case r.watched() > settling && t.Grew(maxGrowth, max(minGrowth, fewBodies*int64(r.size.bytes))):
		why = append(why, fmt.Sprintf("memory grew from %s to %s", megabytes(t.From), megabytes(t.To)))
	case t.Most > r.mayHold():
		why = append(why, fmt.Sprintf("it held %s, and its limits allow %s", megabytes(t.Most), megabytes(r.mayHold())))
	}
	if slow := r.slow(); slow != "" {
		why = append(why, slow)
	}
	return why
}

// slow says that production took longer than beside what the cell is measured beside, if it did.
func (r result) slow() string {
	ratio := r.ratio()
	if r.broken != nil || !r.judged() || !tooSlow(ratio) {
		return ""
	}
	return fmt.Sprintf("p99 is %v beside %v, surely more than %.2f times as long", ratio.Of.Round(10*time.Microsecond),
		ratio.Beside.Round(10*time.Microsecond), ratio.Lower)
}

// doubtful are the cells of the results that fail for nothing but latency, which other work of the machine may be to blame
// for. They are measured once more, and fail if they are as slow twice.
func doubtful(results []result) []cell {
	var cells []cell
	for _, r := range results {
		if r.slow() != "" && len(r.judge()) == 1 {
			cells = append(cells, r.cell)
		}
	}
	return cells
}

// failed reports whether a result fails for anything that is not measured once more.
func failed(results []result) bool {
	return slices.ContainsFunc(results, func(r result) bool { return len(r.judge()) > 0 && (r.slow() == "" || len(r.judge()) > 1) })
}

// watched is for how long the server's memory was looked at.
func (r result) watched() time.Duration {
	var all time.Duration
	for _, round := range r.vitals {
		if n := len(round); n > 0 {
			all += round[n-1].At.Sub(round[0].At)
		}
	}
	return all
}

// mayHold is how many bytes a server may hold: itself, the callers' requests, and all copies that may wait or be under way,
// each in memory of up to twice its size, as where a body's length is not told, and large answers as far as they are kept; all of
// which the garbage collector lets grow to twice as much.
func (r result) mayHold() int64 {
	body, answers := int64(r.size.bytes), int64(0)
	if r.shadow.Large {
		answers = keptMemory
	}
	return itself + 2*(2*callers*body+min(mirrorMemory, 2*mirrorCopies*body)+answers)
}

// judged reports whether latencies are. Of a shadow that gets nothing they say what its being there does to the machine.
func (r result) judged() bool {
	n := 0
	for _, round := range r.rounds {
		n += len(round.Of)
	}
	return n >= minJudged && !r.shadow.Machine && r.sampling > 0
}

// ratio is how p99 lies to that of none, or of the cell's shadow that gets nothing.
func (r result) ratio() quantile.Ratio { return quantile.Bound(r.rounds, 0.99, confidence, 1) }

func tooSlow(r quantile.Ratio) bool { return r.Lower > maxRatio && r.Of-r.Beside > minHarm }

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
