package capture

import (
	"context"
	"iter"
	"time"

	"gnomon"
)

// An Event is one request as production and shadow answered it. One of the two may be nil: it was not captured.
type Event struct{ Production, Shadow *Leg }

// What an event waits for its other leg, which is behind it by as much as a shadow may be slower.
const (
	maxBehind  = longestRequest
	maxWaiting = 32 << 20 // bytes of records of one variant; the oldest then go alone
)

// Join reads the records of two variants in the window and joins them by event, about in the order in which the requests
// began. It holds what waits for its other leg, and not more than a bounded number of bytes. Errors are those of [Legs].
func Join(ctx context.Context, from Source, production, shadow gnomon.CaptureStream, w Window) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		a, b := newSide(Legs(ctx, from, production, w)), newSide(Legs(ctx, from, shadow, w))
		defer a.stop()
		defer b.stop()
		j := joiner{sides: [2]*side{a, b}, yield: yield}
		for j.step() {
		}
	}
}

// A side is one variant's records, of which some wait.
type side struct {
	next    func() (Leg, error, bool)
	stop    func()
	over    bool      // there are no more
	clock   time.Time // the latest request so far
	waiting map[string]Leg
	order   []string // of what waits, the oldest first; some may have gone
	bytes   int
}

func newSide(legs iter.Seq2[Leg, error]) *side {
	s := &side{waiting: make(map[string]Leg)}
	s.next, s.stop = iter.Pull2(legs)
	return s
}

func (s *side) take(id string) (Leg, bool) {
	l, ok := s.waiting[id]
	if ok {
		delete(s.waiting, id)
		s.bytes -= l.size
	}
	return l, ok
}

func (s *side) put(l Leg) {
	s.waiting[l.EventID] = l
	s.order = append(s.order, l.EventID)
	s.bytes += l.size
}

type joiner struct {
	sides [2]*side
	yield func(Event, error) bool
}

// step reads one record, of the side that is behind. It reports false at the end.
func (j *joiner) step() bool {
	n := 0
	if a, b := j.sides[0], j.sides[1]; a.over || !b.over && b.clock.Before(a.clock) {
		n = 1
	}
	s, other := j.sides[n], j.sides[1-n]
	if s.over {
		return false // both are
	}
	l, err, ok := s.next()
	switch {
	case !ok:
		s.over = true
	case err != nil:
		return j.yield(Event{}, err)
	default:
		if l.Time.After(s.clock) {
			s.clock = l.Time
		}
		if twin, ok := other.take(l.EventID); ok {
			return j.tell(n, &l, &twin)
		}
		if first, twice := s.take(l.EventID); twice && !j.tell(n, &first, nil) {
			return false
		}
		s.put(l)
	}
	return j.release(0) && j.release(1)
}

// tell yields an event of the side's leg and the other's.
func (j *joiner) tell(n int, own, other *Leg) bool {
	if n == 0 {
		return j.yield(Event{own, other}, nil)
	}
	return j.yield(Event{other, own}, nil)
}

// release yields what has waited in vain.
func (j *joiner) release(n int) bool {
	s, other := j.sides[n], j.sides[1-n]
	for len(s.order) > 0 {
		l, ok := s.waiting[s.order[0]]
		if ok && !other.over && other.clock.Sub(l.Time) <= maxBehind && s.bytes <= maxWaiting {
			break
		}
		s.order = s.order[1:]
		if !ok {
			continue
		}
		s.take(l.EventID)
		if !j.tell(n, &l, nil) {
			return false
		}
	}
	return true
}
