package verdict

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"gnomon"
	"gnomon/compare"
	"gnomon/stats"
)

// clip bounds the logarithm of a ratio of latencies: one that is more than e times as long counts as e times.
const clip = 1.0

// A slot is what the pairs come to that began within 100 ms of each other. Slots of one index add up.
type slot struct {
	Open    int64                   `json:",omitzero"` // begun, and not ended yet
	Pairs   int64                   `json:",omitzero"` // that ended
	Latency stats.Moments           `json:",omitzero"` // of ln(shadow ÷ production)
	Clipped int64                   `json:",omitzero"` // of them
	Errors  stats.Moments           `json:",omitzero"` // of the shadow's failing (1) minus production's
	Failed  [2]int64                `json:",omitzero"` // requests in which the shadow only failed, and production only
	Answers stats.Moments           `json:",omitzero"` // of the answers' differing (1), minus that of production from itself
	Differ  int64                   `json:",omitzero"` // answers that differ from production's
	Same    int64                   `json:",omitzero"` // those that do not
	Missing map[gnomon.Bucket]int64 `json:",omitempty"`
	Refused int64                   `json:",omitzero"` // were not copied since the shadow did not answer; not among Missing
	Cut     int64                   `json:",omitzero"` // that say nothing of latency, which was the caller's
	// Unrepeated are pairs with two good answers in which production was to be asked once more, and has not answered well.
	Unrepeated int64 `json:",omitzero"`
	// Uncompared are pairs with two answers that were not compared.
	Uncompared map[string]int64 `json:",omitempty"`
	Kept       profile          `json:",omitzero"` // of requests that were copied
	Dropped    profile          `json:",omitzero"` // of those that were to be
}

// A profile is what requests were like, as production saw them.
type profile struct {
	N       int64
	Failed  int64         // production's answers
	Size    stats.Moments // of ln(1 + bytes)
	Latency stats.Moments // of ln(µs), of answers
}

func (p *profile) note(s *gnomon.Side) {
	p.N++
	if s.Failed() {
		p.Failed++
	} else {
		p.Latency = p.Latency.Plus(moment(math.Log(max(1, float64(s.ModelLatency)/float64(time.Microsecond)))))
	}
	p.Size = p.Size.Plus(moment(math.Log1p(float64(s.RequestBytes))))
}

func (p *profile) merge(o *profile) {
	p.N += o.N
	p.Failed += o.Failed
	p.Size, p.Latency = p.Size.Plus(o.Size), p.Latency.Plus(o.Latency)
}

func moment(x float64) stats.Moments { return stats.Moments{N: 1, Sum: x, SumSq: x * x} }

// note takes in a pair, but for its answers. Latency is judged by a repeat's where production was asked once more, and then by
// no others.
func (s *slot) note(p *gnomon.Pair, repeats bool) {
	s.Pairs++
	switch {
	case p.Refused:
		s.Refused++
	case p.Copied():
		s.Kept.note(&p.Production)
	default:
		if s.Missing == nil {
			s.Missing = make(map[gnomon.Bucket]int64)
		}
		s.Missing[p.Bucket]++
		s.Dropped.note(&p.Production)
		return
	}
	e := 0.0
	switch production, shadow := p.Production.Failed(), p.Shadow.Failed(); {
	case shadow && !production:
		e = 1
		s.Failed[0]++
	case production && !shadow:
		e = -1
		s.Failed[1]++
	}
	s.Errors = s.Errors.Plus(moment(e))
	beside := &p.Production
	switch again := p.Repeated && !p.Repeat.Failed(); {
	case repeats && again:
		beside = &p.Repeat
	case repeats:
		if p.Repeating && !p.Production.Failed() && !p.Shadow.Failed() {
			s.Unrepeated++
		}
		return
	case p.Cut:
		s.Cut++
		return
	}
	if x, ok := logRatio(&p.Shadow, beside); ok {
		if math.Abs(x) > clip {
			x = math.Copysign(clip, x)
			s.Clipped++
		}
		s.Latency = s.Latency.Plus(moment(x))
	}
}

// logRatio is ln(shadow's latency ÷ production's), where production has answered well, and the shadow has or was not done in time:
// its deadline counts then.
func logRatio(shadow, production *gnomon.Side) (float64, bool) {
	if production.Failed() || shadow.Failed() && shadow.Fault != gnomon.FaultTimeout {
		return 0, false
	}
	micros := func(s *gnomon.Side) float64 { return max(1, float64(s.ModelLatency)/float64(time.Microsecond)) }
	return math.Log(micros(shadow) / micros(production)), true
}

func (s *slot) uncompared(why string) {
	if s.Uncompared == nil {
		s.Uncompared = make(map[string]int64)
	}
	s.Uncompared[why]++
}

// merge adds o, which it leaves alone.
func (s *slot) merge(o *slot) {
	s.Open += o.Open
	s.Pairs += o.Pairs
	s.Latency, s.Errors, s.Answers = s.Latency.Plus(o.Latency), s.Errors.Plus(o.Errors), s.Answers.Plus(o.Answers)
	s.Clipped += o.Clipped
	s.Failed[0] += o.Failed[0]
	s.Failed[1] += o.Failed[1]
	s.Differ += o.Differ
	s.Same += o.Same
	s.Refused += o.Refused
	s.Unrepeated += o.Unrepeated
	s.Cut += o.Cut
	s.Missing, s.Uncompared = added(s.Missing, o.Missing), added(s.Uncompared, o.Uncompared)
	s.Kept.merge(&o.Kept)
	s.Dropped.merge(&o.Dropped)
}

func added[K comparable](to, more map[K]int64) map[K]int64 {
	if to == nil && len(more) > 0 {
		to = make(map[K]int64)
	}
	for k, n := range more {
		to[k] += n
	}
	return to
}

// stripes is how many places there are to record at, so that processors do not wait for each other: a power of two.
const stripes = 16

// A stripe holds what was recorded since it was last emptied.
type stripe struct {
	mu         sync.Mutex
	slots      []indexed // in no order; a few, more while slow legs end
	sampledIn  int64
	sampledOut int64
	_          [8]byte
}

type indexed struct {
	index int64
	*slot
}

func (s *stripe) slot(index int64) *slot {
	for _, x := range s.slots {
		if x.index == index {
			return x.slot
		}
	}
	x := slots.Get().(*slot)
	s.slots = append(s.slots, indexed{index, x})
	return x
}

// slots are empty ones, to be used again.
var slots = sync.Pool{New: func() any { return new(slot) }}

// A recorder takes the pairs of a trial.
type recorder struct {
	trial      *trial
	generation int64
	work       *Verdicts
	repeats    bool
	answers    bool
}

// stripe returns one, locked.
func (t *trial) stripe() *stripe {
	s := &t.stripes[rand.Uint32()&(stripes-1)]
	s.mu.Lock()
	return s
}

// indexOf is the slot of a time.
func indexOf(at time.Time) int64 { return at.UnixMilli() / int64(slotTime/time.Millisecond) }

func startOf(index int64) time.Time {
	return time.UnixMilli(index * int64(slotTime/time.Millisecond)).UTC()
}

// SampledOut implements [gnomon.PairRecorder].
func (r *recorder) SampledOut() {
	s := r.trial.stripe()
	if r.current() {
		s.sampledOut++
	}
	s.mu.Unlock()
}

// Begin implements [gnomon.PairRecorder]. A slot that was folded, because a clock was set, takes no more: the next one does.
func (r *recorder) Begin(at time.Time) int64 {
	i := max(indexOf(at), r.trial.folded.Load()+1)
	s := r.trial.stripe()
	if r.current() {
		s.slot(i).Open++
		s.sampledIn++
	}
	s.mu.Unlock()
	return i
}

// Discard implements [gnomon.PairRecorder].
func (r *recorder) Discard(begun int64) {
	s := r.trial.stripe()
	if r.current() {
		s.slot(begun).Open--
	}
	s.mu.Unlock()
}

// current reports whether what the recorder is told still counts. The caller holds a stripe: until it lets go, that holds.
func (r *recorder) current() bool { return r.trial.is(r.generation) }

func (t *trial) is(generation int64) bool { return t.generation.Load() == generation }

// End implements [gnomon.PairRecorder].
func (r *recorder) End(begun int64, p *gnomon.Pair) {
	how := notAsked
	if r.answers {
		how = lookAt(p, r.repeats)
	}
	later := how == differentBytes && r.hand(begun, p)
	if how == differentBytes && !later {
		how = noMemory
	}
	s := r.trial.stripe()
	defer runtime.KeepAlive(r) // until here, the trial may not be forgotten
	defer s.mu.Unlock()
	if !r.current() {
		return
	}
	x := s.slot(begun)
	x.note(p, r.repeats)
	x.look(how)
	if !later {
		x.Open--
	}
}

// A trial is what is known of one.
type trial struct {
	id         gnomon.MirrorID
	folded     atomic.Int64 // the last slot that was
	recorders  atomic.Int64
	generation atomic.Int64 // counts revisions
	stripes    [stripes]stripe

	answers answers

	// The rest is guarded by Verdicts.mu.
	known   bool // of is set
	of      gnomon.Trial
	used    time.Time
	state   *state // nil: it has not been read yet
	open    map[int64]*slot
	version int64 // counts changes
	saving  int64 // the version that is being saved
	changed bool
	told    bool     // that the shadow is worse
	looked  [2]int64 // requests of production and the shadow at the last look; 0: there was none
}

// anew forgets what is known of the revision before. The caller holds Verdicts.mu.
func (t *trial) anew() {
	t.generation.Add(1)
	for i := range t.stripes {
		st := &t.stripes[i]
		st.mu.Lock()
		st.slots, st.sampledIn, st.sampledOut = nil, 0, 0
		st.mu.Unlock()
	}
	t.answers.mu.Lock()
	t.answers.summary = new(compare.Summary)
	t.answers.mu.Unlock()
	clear(t.open)
	t.told, t.looked = false, [2]int64{}
	if t.state != nil {
		t.state = newState()
		t.state.Revision, t.state.Anew = t.of.Revision, time.Now().UTC()
		t.version++
		t.changed = true
	}
}

// look takes in for how long a variant has waited since the look before. The caller holds Verdicts.mu.
func (t *trial) look(v gnomon.VariantName, waited time.Duration) {
	t.drain()
	w, in, out := &t.state.Waited, t.state.Sample.In, t.state.Sample.Out
	switch v {
	case t.of.Production:
		if n := in + out - t.looked[0]; t.looked[0] > 0 && n > 0 {
			w.Production, w.Asked = w.Production+waited, w.Asked+n
		}
		t.looked[0] = in + out
	case t.of.Shadow:
		if n := in - t.looked[1]; t.looked[1] > 0 && n > 0 {
			w.Shadow, w.Copied = w.Shadow+waited, w.Copied+n
		}
		t.looked[1] = in
	default:
		return
	}
	t.version++
	t.changed = true
}

// drain moves what the stripes hold to the open slots.
func (t *trial) drain() {
	for i := range t.stripes {
		st := &t.stripes[i]
		st.mu.Lock()
		taken, in, out := st.slots, st.sampledIn, st.sampledOut
		st.slots, st.sampledIn, st.sampledOut = nil, 0, 0
		st.mu.Unlock()
		for _, x := range taken {
			t.openSlot(x.index).merge(x.slot)
			*x.slot = slot{}
			slots.Put(x.slot)
		}
		if len(taken) > 0 || out > 0 {
			t.state.Sample.In += in
			t.state.Sample.Out += out
			t.version++
			t.changed = true
		}
	}
}

// openSlot returns the slot of that index, or of the first that is not folded.
func (t *trial) openSlot(index int64) *slot {
	index = max(index, t.folded.Load()+1)
	s := t.open[index]
	if s == nil {
		s = new(slot)
		t.open[index] = s
	}
	return s
}

// idle reports whether nothing waits to be folded.
func (t *trial) idle() bool {
	for i := range t.stripes {
		st := &t.stripes[i]
		st.mu.Lock()
		n := len(st.slots)
		st.mu.Unlock()
		if n > 0 {
			return false
		}
	}
	return len(t.open) == 0
}
