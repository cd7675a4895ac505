package verdict

import (
	"cmp"
	"time"

	"gnomon"
	"gnomon/compare"
)

// A Rehearsal is a trial whose pairs come from a simulation, or from wherever they were kept: slots go in, one after the other,
// and verdicts come out. It has no clock, no store and no goroutine, and judges by the code that live trials are judged by.
// From one goroutine at a time.
type Rehearsal struct {
	of        gnomon.Trial
	leastTime time.Duration
	compare   *compare.Comparer
	summary   *compare.Summary
	state     *state
}

// NewRehearsal returns a trial without pairs. Of the trial it needs Answers and Judging. Nothing is decided before the least time
// from the first slot to the last; 0: the default of [Options].
func NewRehearsal(of gnomon.Trial, least time.Duration) *Rehearsal {
	of.Judging = of.Judging.WithDefaults()
	return &Rehearsal{
		of: of, leastTime: cmp.Or(least, leastTime), compare: compare.New(of.Answers), summary: new(compare.Summary), state: newState(),
	}
}

// Slot takes in all the pairs that began in a slot, the 100 ms from index·100 ms of Unix time on. The index is above that of
// the slot before; slots without pairs may be left out. Answers are compared at once.
func (r *Rehearsal) Slot(index int64, pairs []gnomon.Pair) {
	var x slot
	repeats := r.of.Judging.NoiseFloor > 0
	for i := range pairs {
		p := &pairs[i]
		x.note(p, repeats)
		if r.of.Answers.Kind == gnomon.AnswersOff {
			continue
		}
		how := lookAt(p, repeats)
		if how != differentBytes {
			x.look(how)
			continue
		}
		c := compareAll(r.compare, answersOf(p), repeats)
		r.summary.Add(c.result, string(p.EventID))
		x.compared(c)
	}
	r.state.fold(index, &x, r.of.Judging, r.leastTime)
}

// answersOf are the answers of a pair: production's, the shadow's, and that of production asked once more.
func answersOf(p *gnomon.Pair) *[3]compare.Answer {
	var all [3]compare.Answer
	for i, s := range [3]*gnomon.Side{&p.Production, &p.Shadow, &p.Repeat} {
		all[i] = compare.Answer{ContentType: string(s.ContentType), Body: s.Body, Streamed: p.Streamed}
	}
	return &all
}

// Judged returns the verdicts up to the last slot.
func (r *Rehearsal) Judged() Judged {
	j, _ := r.state.judge(r.of, Guards{})
	return j
}

// Report returns all that is known up to the last slot. It takes far longer than Judged.
func (r *Rehearsal) Report() Report { return r.state.report(r.of, Guards{}, r.leastTime, r.summary) }
