package verdict

import (
	"bytes"
	"runtime/debug"
	"sync"

	"gnomon"
	"gnomon/compare"
)

// The reasons of our own why answers are not compared; the others are those of package compare.
const (
	reasonBusy     = "busy"     // there was no memory, or too many answers waited
	reasonPanicked = "panicked" // comparing them did, which is a mistake of ours
	reasonTooLarge = string(compare.TooLarge)
)

// answers is what is known of a trial's answers beyond how many agree.
type answers struct {
	compare *compare.Comparer

	mu      sync.Mutex
	summary *compare.Summary // of those that were not the same bytes
}

// outcome is what there is to be done about the answers of a pair.
type outcome uint8

const (
	notAsked outcome = iota // there are no two answers, or none that is judged
	sameBytes
	differentBytes
	tooLarge
	noMemory
)

// lookAt says what is to be done about the answers of a pair, of which there are three if production is asked once more.
func lookAt(p *gnomon.Pair, repeats bool) outcome {
	sides := [3]*gnomon.Side{&p.Production, &p.Shadow, &p.Repeat}
	asked := sides[:2]
	if repeats {
		if !p.Repeated {
			return notAsked
		}
		asked = sides[:]
	}
	all := sameBytes
	for _, s := range asked {
		switch {
		case s.Answer == gnomon.NotKept:
			return notAsked
		case s.Answer == gnomon.TooLarge:
			all = tooLarge
		case s.Answer == gnomon.NoMemory && all != tooLarge:
			all = noMemory
		case all == sameBytes && !bytes.Equal(s.Body, p.Production.Body):
			all = differentBytes
		}
	}
	return all
}

// look takes in what is known of a pair's answers without comparing them; of those that differ it is nothing yet.
func (s *slot) look(how outcome) {
	switch how {
	case sameBytes:
		s.Same++
		s.Answers = s.Answers.Plus(moment(0))
	case tooLarge:
		s.uncompared(reasonTooLarge)
	case noMemory:
		s.uncompared(reasonBusy)
	}
}

// compared takes in the answers of a pair that were not the same bytes.
func (s *slot) compared(c comparison) {
	switch {
	case c.why != "":
		s.uncompared(string(c.why))
		return
	case c.result.Agrees():
		s.Same++
	default:
		s.Differ++
	}
	s.Answers = s.Answers.Plus(moment(c.x))
}

// A comparison is what came of the answers of a pair.
type comparison struct {
	result compare.Result // of the shadow's with production's
	why    compare.Reason // they could not be compared; empty: they were
	x      float64        // by how much the shadow's differs (1: it does), less what production differs from itself
}

// compareAll compares production's answer with the shadow's and, if production is asked once more, with its own.
func compareAll(c *compare.Comparer, sides *[3]compare.Answer, repeats bool) comparison {
	result := c.Compare(sides[0], sides[1])
	all := comparison{result, result.Uncomparable, 1 - result.Score}
	if repeats && all.why == "" {
		again := c.Compare(sides[0], sides[2])
		all.why, all.x = again.Uncomparable, all.x-(1-again.Score)
	}
	return all
}

// An item is a pair whose answers wait to be compared. Its slot is open until they are.
type item struct {
	trial      *trial
	generation int64
	begun      int64
	eventID    string
	size       int64
	sides      [3]compare.Answer // production's, the shadow's, and that of the repeat
	repeats    bool
}

// hand copies the answers of a pair and has them compared. It reports false if there is no room.
func (r *recorder) hand(begun int64, p *gnomon.Pair) bool {
	i := item{trial: r.trial, generation: r.generation, begun: begun, repeats: r.repeats}
	of := [3]*gnomon.Side{&p.Production, &p.Shadow, &p.Repeat}
	for _, s := range of {
		i.size += int64(len(s.Body))
	}
	if !r.work.memory.Take(i.size) {
		return false
	}
	i.eventID = string(p.EventID)
	all := make([]byte, 0, i.size)
	for n, s := range of {
		from := len(all)
		all = append(all, s.Body...)
		i.sides[n] = compare.Answer{ContentType: string(s.ContentType), Body: all[from:len(all):len(all)], Streamed: p.Streamed}
	}
	select {
	case r.work.work <- i:
		return true
	default:
		r.work.memory.Give(i.size)
		return false
	}
}

// contained compares answers, which anybody may have made up: a mistake of ours must not end the process.
func (v *Verdicts) contained(i *item) (c comparison) {
	defer func() {
		if p := recover(); p != nil {
			v.opts.Log.Error("comparing answers panicked", "request", i.eventID, "panic", p, "stack", string(debug.Stack()))
			c = comparison{compare.Result{Uncomparable: reasonPanicked}, reasonPanicked, 0}
		}
	}()
	return compareAll(i.trial.answers.compare, &i.sides, i.repeats)
}

// compare compares what was handed over.
func (v *Verdicts) compare(i item) {
	defer v.memory.Give(i.size)
	t := i.trial
	c := v.contained(&i)
	s := t.stripe()
	defer s.mu.Unlock()
	if !t.is(i.generation) {
		return
	}
	t.answers.mu.Lock()
	t.answers.summary.Add(c.result, i.eventID)
	t.answers.mu.Unlock()
	slot := s.slot(i.begun)
	slot.Open--
	slot.compared(c)
}
