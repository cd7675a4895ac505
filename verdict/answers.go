package verdict

import (
	"bytes"
	"sync"

	"gnomon"
	"gnomon/compare"
)

// The reasons of our own why answers are not compared; the others are those of package compare.
const (
	reasonBusy     = "busy" // there was no memory, or too many answers waited
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

// lookAt says what is to be done about the answers of a pair.
func (r *recorder) lookAt(p *gnomon.Pair) outcome {
	sides := [3]*gnomon.Side{&p.Production, &p.Shadow, &p.Repeat}
	asked := sides[:2]
	if r.repeats {
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

// An item is a pair whose answers wait to be compared. Its slot is open until they are.
type item struct {
	trial   *trial
	begun   int64
	eventID string
	size    int64
	sides   [3]compare.Answer // production's, the shadow's, and that of the repeat
	repeats bool
}

// hand copies the answers of a pair and has them compared. It reports false if there is no room.
func (r *recorder) hand(begun int64, p *gnomon.Pair) bool {
	i := item{trial: r.trial, begun: begun, repeats: r.repeats}
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
		i.sides[n] = compare.Answer{ContentType: string(s.ContentType), Body: all[from:len(all):len(all)]}
	}
	select {
	case r.work.work <- i:
		return true
	default:
		r.work.memory.Give(i.size)
		return false
	}
}

// compare compares what was handed over.
func (v *Verdicts) compare(i item) {
	defer v.memory.Give(i.size)
	t := i.trial
	result := t.answers.compare.Compare(i.sides[0], i.sides[1])
	why, x := result.Uncomparable, 1-result.Score
	if i.repeats && why == "" {
		again := t.answers.compare.Compare(i.sides[0], i.sides[2])
		why, x = again.Uncomparable, x-(1-again.Score)
	}
	t.answers.mu.Lock()
	t.answers.summary.Add(result, i.eventID)
	t.answers.mu.Unlock()

	s := t.stripe()
	defer s.mu.Unlock()
	slot := s.slot(i.begun)
	slot.Open--
	switch {
	case why != "":
		slot.uncompared(string(why))
		return
	case result.Agrees():
		slot.Same++
	default:
		slot.Differ++
	}
	slot.Answers = slot.Answers.Plus(moment(x))
}
