package meter

import (
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gnomon"
)

// both are two mirrors of one endpoint, whose production variant may be compared in none, either or both.
var both = [2]gnomon.MirrorID{"a", "b"}

// A count is what a test knows of the mirrors and their production variant. What is kept in the store is one too.
type count struct {
	mirrors [2]struct {
		tally
		legs   int64 // of the test
		frozen bool
	}
	all int64 // legs, each once
}

// TestMeter_AnyOrderKeepsTheSums compares the Meter with a few sums, over any order of requests, flushes, failures of
// the store, kills and freezes.
func TestMeter_AnyOrderKeepsTheSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const ages = 100 * 365 * 24 * time.Hour // the minutes of this test are of 1970
		w := &world{store: newMemory(), opts: Options{KeepHours: ages}}
		if rapid.Bool().Draw(t, "minutes stay in memory") {
			w.opts.LongestLeg = ages
		}
		w.open()
		t.Repeat(map[string]func(*rapid.T){
			"begin":  w.begin,
			"end":    w.end,
			"record": w.record,
			"flush":  func(t *rapid.T) { w.try(t, w.m.flush(t.Context())) },
			"freeze": w.freeze,
			"full":   func(*rapid.T) { w.store.fail(errDiskFull); w.full = true },
			"freed":  func(*rapid.T) { w.store.fail(nil); w.full = false },
			"kill":   w.kill,
			"sweep":  w.sweep,
			"":       w.check,
		})
	})
}

// A world is a Meter, the store under it, and what should be in both.
type world struct {
	store       *memory
	opts        Options
	full        bool
	m           *Meter
	p           [4]gnomon.LegRecorder // by the mirrors that are compared with, as bits
	mi          [2]gnomon.MirrorRecorder
	pending     [2]int64 // copies under way in this process
	now, stored count
	loaded      bool // the Meter knows what the store has
}

func (w *world) open() {
	w.m = New(w.opts, w.store, slog.New(slog.DiscardHandler))
	for set := range w.p {
		var ids []gnomon.MirrorID
		for i, id := range both {
			if set>>i&1 == 1 {
				ids = append(ids, id)
			}
		}
		s := production
		s.Mirrors = gnomon.NewMirrors(ids...)
		w.p[set] = w.m.Series(s)
	}
	for i, id := range both {
		w.mi[i] = w.m.Mirror(gnomon.Mirror{ID: id})
	}
	w.pending, w.loaded = [2]int64{}, false
}

// which draws one of the mirrors.
func (w *world) which(t *rapid.T) int { return rapid.IntRange(0, 1).Draw(t, "mirror") }

func (w *world) begin(t *rapid.T) {
	i := w.which(t)
	w.mi[i].Begin()
	w.pending[i]++
	if mi := &w.now.mirrors[i]; !mi.frozen {
		mi.requests++
	}
}

func (w *world) end(t *rapid.T) {
	i := w.which(t)
	if w.pending[i] == 0 {
		t.Skip("nothing is under way")
	}
	b := rapid.IntRange(0, endedBuckets-1).Draw(t, "bucket")
	w.mi[i].End(gnomon.Buckets()[b])
	w.pending[i]--
	if mi := &w.now.mirrors[i]; !mi.frozen {
		mi.ended[b]++
	}
}

func (w *world) record(t *rapid.T) {
	minute := rapid.Int64Range(0, 200).Draw(t, "minute")
	set := rapid.IntRange(0, len(w.p)-1).Draw(t, "compared in")
	w.p[set].Record(answer(time.Unix(60*minute+5, 0), time.Millisecond, 200))
	w.now.all++
	for i := range w.now.mirrors {
		if mi := &w.now.mirrors[i]; set>>i&1 == 1 && !mi.frozen {
			mi.legs++
		}
	}
}

// try notes what a save did. With a full disk it can only succeed if there was nothing to save.
func (w *world) try(t *rapid.T, err error) {
	switch {
	case err != nil && !w.full:
		t.Fatal("save:", err)
	case err == nil && w.full && w.now != w.stored:
		t.Fatalf("saved %v on a full disk, which has %v", w.now, w.stored)
	case err == nil:
		w.stored, w.loaded = w.now, true
	}
}

func (w *world) freeze(t *rapid.T) {
	i := w.which(t)
	mi := &w.now.mirrors[i]
	if w.full && !w.loaded && !mi.frozen {
		t.Skip("what the store has cannot be known")
	}
	err := w.m.Freeze(t.Context(), both[i])
	if !mi.frozen {
		mi.tally, mi.frozen = mi.closed(), true
	}
	w.try(t, err)
}

// kill ends the process at once: all that was not stored is lost, and what was under way is stopped.
func (w *world) kill(*rapid.T) {
	for i := range w.stored.mirrors {
		mi := &w.stored.mirrors[i]
		mi.tally = mi.closed() // for whoever reads it next
	}
	w.now = w.stored
	w.open()
}

func (w *world) sweep(t *rapid.T) {
	if w.full {
		t.Skip("the disk is full")
	}
	if rapid.Bool().Draw(t, "after a flush") {
		w.try(t, w.m.flush(t.Context()))
	}
	if _, err := w.m.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) check(t *rapid.T) {
	if w.full {
		return
	}
	for i, id := range both {
		c, err := w.m.Report(t.Context(), id, production.Variant, shadow.Variant)
		if err != nil {
			t.Fatal(err)
		}
		holds(t, c.Accounting)
		want := w.now.mirrors[i]
		if got := tallyOf(Account{Requests: c.Accounting.Requests, Ended: without(c.Accounting.Buckets)}, w.m.buckets); got != want.tally {
			t.Fatalf("accounting of %s: %v, want %v", id, got, want.tally)
		}
		if got := c.Errors.Production.Invocations; got != want.legs {
			t.Fatalf("the report of %s has %d legs, want %d", id, got, want.legs)
		}
	}
	w.loaded = true
	var all int64
	err := w.m.Minutes(t.Context(), production.Endpoint, production.Variant, time.Time{}, time.Time{}, func(m Minute) error {
		all += m.Invocations
		return nil
	})
	if err != nil || all != w.now.all {
		t.Fatalf("minutes have %d legs, want %d; %v", all, w.now.all, err)
	}
}

// without returns the buckets but pending.
func without(all map[gnomon.Bucket]int64) map[gnomon.Bucket]int64 {
	delete(all, gnomon.BucketPending)
	return all
}
