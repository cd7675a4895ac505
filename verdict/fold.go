package verdict

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"gnomon"
	"gnomon/compare"
	"gnomon/stats"
)

// level is the probability, for each of the three metrics and each of what may be found, of ever finding it wrongly.
const level = 0.05 / 3

// bound is what the values of all metrics lie within, up and down.
const bound = 1

// enough is the evidence for a finding: ln of an e-value.
var enough = -math.Log(level)

// A state is what all slots of a trial come to that were folded, in the order of time. It is kept as JSON; field names stay.
type state struct {
	Revision    string    `json:",omitzero"` // of what both variants run
	Anew        time.Time `json:",omitzero"` // since when, if another one was tried before
	First, Last int64     // slots with pairs
	Pairs       int64
	Clipped     int64
	Failed      [2]int64 // requests in which the shadow only failed, and production only
	Same        int64    // answers
	Differ      int64
	Missing     map[gnomon.Bucket]int64 `json:",omitempty"`
	Refused     int64                   `json:",omitzero"` // not copied since the shadow did not answer: they count as failed
	Cut         int64                   `json:",omitzero"` // pairs that say nothing of latency, which was the caller's
	Unrepeated  int64                   `json:",omitzero"` // pairs in which production was to be asked once more, in vain
	Uncompared  map[string]int64        `json:",omitempty"`
	Kept        profile
	Dropped     profile
	Sample      sample
	Waited      waiting

	Latency metric // of ln(shadow ÷ production)
	Errors  metric
	Answers metric
}

// A sample counts requests since the share of them that is copied last changed.
type sample struct {
	Fraction float64
	In, Out  int64
}

// A waiting is for how long instances have waited for a processor, as often as they were looked at, and what was asked of them
// between two looks.
type waiting struct {
	Production, Shadow time.Duration
	Asked, Copied      int64
}

// perRequest is for how much longer the shadow waited in a request than production, in µs.
func (w waiting) perRequest() (production, shadow float64) {
	if w.Asked == 0 || w.Copied == 0 {
		return 0, 0
	}
	return float64(w.Production.Microseconds()) / float64(w.Asked), float64(w.Shadow.Microseconds()) / float64(w.Copied)
}

func newState() *state {
	s := &state{First: -1}
	for _, m := range []*metric{&s.Latency, &s.Errors, &s.Answers} {
		m.Sequence = stats.NewSequence(bound)
	}
	return s
}

// A metric is one of the three that a verdict is made of. Its values lie within [-1, 1]; more is worse.
type metric struct {
	Sequence *stats.Sequence

	// What has been found, and when; nil: it has not. Worse is that the mean is above the margin, NoWorse that it is below,
	// Better that it is below 0.
	Worse, NoWorse, Better *finding

	Course []point // how the interval came about; about ten points for each tenfold of values
}

// A finding is when the evidence for something was enough.
type finding struct {
	Slot   int64
	Values int64
}

// A point is the interval after so many values.
type point struct {
	Slot               int64
	Values             int64
	Mean, Lower, Upper float64
}

// fold takes in what can be: slots in the order of time, up to the first in which something is still under way. The caller
// holds Verdicts.mu.
func (t *trial) fold(now time.Time, leastTime time.Duration) {
	t.drain()
	if t.known && t.state.Sample.Fraction != t.of.Fraction {
		t.state.Sample = sample{Fraction: t.of.Fraction} // what was drained is of both
	}
	sealed, forced := indexOf(now.Add(-sealAfter)), indexOf(now.Add(-longestLeg))
	for _, i := range slices.Sorted(maps.Keys(t.open)) {
		s := t.open[i]
		if i >= sealed || s.Open > 0 && i >= forced {
			break
		}
		t.state.fold(i, s, t.of.Judging, leastTime)
		delete(t.open, i)
		t.folded.Store(i)
	}
}

// fold takes in one slot.
func (s *state) fold(index int64, x *slot, j gnomon.Judging, leastTime time.Duration) {
	if x.Pairs == 0 {
		return // all that began in it was discarded
	}
	if s.First < 0 {
		s.First = index
	}
	s.Last = index
	s.Pairs += x.Pairs
	s.Clipped += x.Clipped
	s.Failed[0] += x.Failed[0]
	s.Failed[1] += x.Failed[1]
	s.Same += x.Same
	s.Differ += x.Differ
	s.Refused += x.Refused
	s.Unrepeated += x.Unrepeated
	s.Cut += x.Cut
	s.Missing, s.Uncompared = added(s.Missing, x.Missing), added(s.Uncompared, x.Uncompared)
	s.Kept.merge(&x.Kept)
	s.Dropped.merge(&x.Dropped)
	lasted := startOf(s.Last).Sub(startOf(s.First))
	for _, m := range s.metrics(j) {
		m.fold(index, m.of(x), ripeness{lasted >= leastTime, lasted >= patience*leastTime}, m.margin, m.missing)
	}
}

// ripeness says what may be found for the time that a trial has lasted. To be found no worse takes longer: bad values may come in
// bursts, and what has not been seen for a minute may come in the next.
type ripeness struct{ worse, noWorse bool }

// A judged is a metric with what it is judged by.
type judged struct {
	*metric
	name    string
	of      func(*slot) stats.Moments
	margin  float64
	missing int64 // values that there would be, had everything been copied and compared
	repeats bool  // it is judged beside production asked once more
}

// metrics returns the three, in the order they are shown.
func (s *state) metrics(j gnomon.Judging) [3]judged {
	missing := s.missing()
	repeated := missing
	if j.NoiseFloor > 0 {
		repeated = int64(math.Ceil(float64(missing)*j.NoiseFloor)) + s.Unrepeated
	}
	return [3]judged{
		{&s.Latency, "latency", func(x *slot) stats.Moments { return x.Latency }, math.Log1p(j.LatencyMargin), repeated, j.NoiseFloor > 0},
		{&s.Errors, "errors", func(x *slot) stats.Moments { return x.Errors }, j.ErrorMargin, missing, false},
		{&s.Answers, "answers", func(x *slot) stats.Moments { return x.Answers }, j.AnswerMargin, repeated + sum(s.Uncompared), j.NoiseFloor > 0},
	}
}

// missing is how many requests of the sample were not copied, although nobody asked for that.
func (s *state) missing() int64 {
	return sum(s.Missing) - s.Missing[gnomon.BucketRateCapped]
}

func sum[K comparable](m map[K]int64) int64 {
	var n int64
	for _, one := range m {
		n += one
	}
	return n
}

// fold takes in the values of a slot and looks for findings, for as long as there are enough slots and time.
func (m *metric) fold(index int64, values stats.Moments, ripe ripeness, margin float64, missing int64) {
	if values.N == 0 {
		return
	}
	if err := m.Sequence.Add(values); err != nil {
		panic(err) // values are clipped
	}
	m.note(index)
	if m.Sequence.Slots() < leastSlots {
		return
	}
	// There is no evidence for what the mean itself is against.
	mean := m.Sequence.Mean()
	if ripe.worse && m.Worse == nil && mean > margin && m.Sequence.LogEvidenceAbove(margin) >= enough {
		m.Worse = m.now(index)
	}
	if ripe.noWorse && m.NoWorse == nil && mean < margin && m.evidenceBelow(margin, missing) >= enough {
		m.NoWorse = m.now(index)
	}
	if ripe.noWorse && m.Better == nil && mean < 0 && m.evidenceBelow(0, missing) >= enough {
		m.Better = m.now(index)
	}
}

func (m *metric) now(index int64) *finding { return &finding{index, m.Sequence.N()} }

// evidenceBelow is the evidence that the mean is below a bound even if all that is missing were as bad as can be.
func (m *metric) evidenceBelow(bound float64, missing int64) float64 {
	least := m.least(bound, missing)
	if least <= -m.Sequence.Bound() {
		return math.Inf(-1)
	}
	return m.Sequence.LogEvidenceBelow(least)
}

// least is what the mean has to be below of, for it to be below a bound even if all that is missing were as bad as can be.
func (m *metric) least(bound float64, missing int64) float64 {
	n, gone := float64(m.Sequence.N()), float64(missing)
	return (bound*(n+gone) - gone*m.Sequence.Bound()) / n
}

// note adds to the course, about ten points for each tenfold of values.
func (m *metric) note(index int64) {
	n := m.Sequence.N()
	if len(m.Course) > 0 && float64(n) < 1.25*float64(m.Course[len(m.Course)-1].Values) {
		return
	}
	m.Course = append(m.Course, m.point(index))
}

func (m *metric) point(index int64) point {
	return point{index, m.Sequence.N(), m.Sequence.Mean(), m.Sequence.Lower(level), m.Sequence.Upper(level)}
}

// A saved is a trial as it is kept.
type saved struct {
	Version int
	State   *state
	Open    map[int64]*slot // that are not folded yet
	Folded  int64
	Summary *compare.Summary `json:",omitempty"`
}

const savedVersion = 1

// encode returns the trial as it is kept. Requests that are under way in its open slots will not end in another process. The
// caller holds Verdicts.mu.
func (t *trial) encode() ([]byte, error) {
	t.answers.mu.Lock()
	defer t.answers.mu.Unlock()
	return json.Marshal(saved{savedVersion, t.state, t.open, t.folded.Load(), t.answers.summary})
}

func decode(b []byte) (*saved, error) {
	s := &saved{State: newState()}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, err
	}
	if s.Version != savedVersion {
		return nil, fmt.Errorf("version %d, want %d", s.Version, savedVersion)
	}
	if s.State == nil {
		return nil, errors.New("there is no state")
	}
	for _, m := range []*metric{&s.State.Latency, &s.State.Errors, &s.State.Answers} {
		if m.Sequence == nil || m.Sequence.Bound() != bound {
			return nil, errors.New("a sequence is missing, or another one")
		}
	}
	for _, x := range s.Open {
		if err := x.check(); err != nil {
			return nil, fmt.Errorf("an open slot: %w", err)
		}
		x.Open = 0
	}
	return s, nil
}

// check says what keeps a slot from being folded.
func (s *slot) check() error {
	if s == nil {
		return errors.New("it is empty")
	}
	for _, values := range []stats.Moments{s.Latency, s.Errors, s.Answers} {
		if err := stats.NewSequence(bound).Add(values); err != nil {
			return err
		}
	}
	return nil
}

// resume goes on from what was saved. What was recorded meanwhile is in the stripes. The caller holds Verdicts.mu.
func (t *trial) resume(s *saved) {
	t.state = s.State
	switch {
	case !t.known || t.of.Revision == "":
	case s.State.Revision == "": // it is the first
		t.state.Revision = t.of.Revision
	case s.State.Revision != t.of.Revision:
		t.state = newState()
		t.state.Revision, t.state.Anew = t.of.Revision, time.Now().UTC()
		s = &saved{State: t.state, Folded: s.Folded}
	}
	t.folded.Store(max(t.folded.Load(), s.Folded))
	for i, x := range s.Open {
		t.openSlot(i).merge(x)
	}
	t.answers.mu.Lock()
	defer t.answers.mu.Unlock()
	if s.Summary != nil {
		s.Summary.Merge(t.answers.summary)
		t.answers.summary = s.Summary
	}
}
