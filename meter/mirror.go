package meter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"gnomon"
)

// endedBuckets is how many buckets a request can end in: all but pending, the last.
const endedBuckets = 10

// An Accounting says what became of the copies of a mirror's requests. Buckets has every bucket, and they sum to
// Requests.
type Accounting struct {
	Requests int64
	Buckets  map[gnomon.Bucket]int64
}

// MarshalJSON writes one flat object: requests, then the buckets in the order they are shown.
func (a Accounting) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"requests":%d`, a.Requests)
	for _, bucket := range gnomon.Buckets() {
		fmt.Fprintf(&b, `,%q:%d`, bucket, a.Buckets[bucket])
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (a *Accounting) UnmarshalJSON(b []byte) error {
	var all map[gnomon.Bucket]int64
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("accounting: %w", err)
	}
	a.Requests = all["requests"]
	delete(all, "requests")
	a.Buckets = all
	return nil
}

// A tally is an accounting in numbers only. What is in no bucket is pending.
type tally struct {
	requests int64
	ended    [endedBuckets]int64 // in the order of gnomon.Buckets
}

func (t *tally) add(o tally) {
	t.requests += o.requests
	for i, n := range o.ended {
		t.ended[i] += n
	}
}

func (t *tally) pending() int64 {
	n := t.requests
	for _, e := range t.ended {
		n -= e
	}
	return n
}

// closed returns t with what is pending counted as stopped.
func (t tally) closed() tally {
	t.ended[endedBuckets-1] += t.pending() // BucketStopped stands before BucketPending
	return t
}

func (t tally) accounting() Accounting {
	a := Accounting{Requests: t.requests, Buckets: t.buckets()}
	a.Buckets[gnomon.BucketPending] = t.pending()
	return a
}

func (t tally) buckets() map[gnomon.Bucket]int64 {
	all := make(map[gnomon.Bucket]int64, endedBuckets+1)
	for i, b := range gnomon.Buckets()[:endedBuckets] {
		all[b] = t.ended[i]
	}
	return all
}

// tallyOf is the inverse of tally.buckets. A bucket that this version does not know was the end of a request too.
func tallyOf(a Account, index map[gnomon.Bucket]int) tally {
	t := tally{requests: a.Requests}
	for b, n := range a.Ended {
		i, ok := index[b]
		if !ok {
			i = endedBuckets - 1
		}
		t.ended[i] += n
	}
	return t
}

// A mirror takes the accounting of one [gnomon.MirrorID].
type mirror struct {
	id        gnomon.MirrorID
	writer    string // of its account
	recorders atomic.Int64
	stripes   []counters

	// The Meter's mu guards the rest.
	used     time.Time // when someone last asked for it
	names    names     // zero: no recorder of it was asked for in this process
	loaded   bool      // what the store has of it is in before and variants; nothing is drained until then
	before   tally     // of earlier processes, closed
	variants map[gnomon.VariantName]*total
	final    *tally // since it is frozen: its accounting, for good
	saved    tally  // as the store has it of this writer
	closed   bool   // the store has final

	ended [endedBuckets]int64 // as of the last look
}

// names are what Prometheus tells mirrors apart by.
type names struct {
	endpoint   gnomon.EndpointName
	experiment gnomon.ExperimentName
	shadow     gnomon.VariantName
}

// frozen reports whether its numbers are final.
func (mi *mirror) frozen() bool { return mi.final != nil }

// counters count one stripe's share of a mirror.
type counters struct {
	begun atomic.Int64
	ended [endedBuckets]atomic.Int64
	_     [40]byte
}

// A total is what one variant did while a mirror lasted.
type total struct {
	Numbers
	from, to time.Time // the spans it comes from
}

func newMirror(id gnomon.MirrorID, writer string, stripes int) *mirror {
	return &mirror{
		id: id, writer: writer, stripes: make([]counters, stripes),
		variants: make(map[gnomon.VariantName]*total),
	}
}

// look notes what has ended. A request is begun, then its legs are recorded, then it ends; so whoever looks, then drains
// the series, then counts, has of every end its leg, and of every leg its request. The Meter's mu is held.
func (mi *mirror) look() {
	clear(mi.ended[:])
	for i := range mi.stripes {
		for b := range mi.stripes[i].ended {
			mi.ended[b] += mi.stripes[i].ended[b].Load()
		}
	}
}

// count returns what its recorders counted: what had ended at the last look, and what has begun by now. What was begun and
// ended since is pending, so no end is ever one too many. The Meter's mu is held.
func (mi *mirror) count() tally {
	t := tally{ended: mi.ended}
	for i := range mi.stripes {
		t.requests += mi.stripes[i].begun.Load()
	}
	return t
}

// accounting returns what is reported of it since the last look. The Meter's mu is held.
func (mi *mirror) accounting() Accounting {
	if mi.final != nil {
		return mi.final.accounting()
	}
	t := mi.before
	t.add(mi.count())
	return t.accounting()
}

// addTo adds n to a variant's total. The Meter's mu is held.
func (mi *mirror) addTo(v gnomon.VariantName, from time.Time, span time.Duration, n *Numbers) {
	t, ok := mi.variants[v]
	if !ok {
		t = &total{from: from}
		mi.variants[v] = t
	}
	t.Merge(n)
	if from.Before(t.from) {
		t.from = from
	}
	if to := from.Add(span); to.After(t.to) {
		t.to = to
	}
}

// unsaved returns what the store should have of this writer as of the last look, and false if it has. The Meter's mu is held.
func (mi *mirror) unsaved() (tally, bool) {
	switch {
	case !mi.loaded || mi.closed:
		return tally{}, false
	case mi.final != nil:
		return mi.last(), true
	}
	t := mi.count()
	return t, t != mi.saved
}

// last returns this writer's share of the final accounting.
func (mi *mirror) last() tally {
	t := *mi.final
	t.requests -= mi.before.requests
	for i, n := range mi.before.ended {
		t.ended[i] -= n
	}
	return t
}

// A mirrorRecorder is how a router holds on to a mirror.
type mirrorRecorder struct {
	m     *mirror
	index map[gnomon.Bucket]int
}

// Begin implements [gnomon.MirrorRecorder].
func (r *mirrorRecorder) Begin() {
	r.stripe().begun.Add(1)
	runtime.KeepAlive(r) // until here, the mirror may not be forgotten
}

// End implements [gnomon.MirrorRecorder]. A bucket that is none to end in counts as stopped, so that the sum holds.
func (r *mirrorRecorder) End(b gnomon.Bucket) {
	i, ok := r.index[b]
	if !ok {
		i = endedBuckets - 1
	}
	r.stripe().ended[i].Add(1)
	runtime.KeepAlive(r)
}

func (r *mirrorRecorder) stripe() *counters {
	return &r.m.stripes[rand.Uint32()&uint32(len(r.m.stripes)-1)]
}
