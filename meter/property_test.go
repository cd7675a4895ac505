package meter

import (
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gnomon"
)

// A count is what a test knows of a mirror and its production series.
type count struct {
	tally
	legs int64 // of the test
	all  int64 // and those after it
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
	p           gnomon.LegRecorder
	mi          gnomon.MirrorRecorder
	pending     int64 // copies under way in this process
	now, stored count
	frozen      bool // in memory
	closed      bool // in the store
	loaded      bool // the Meter knows what the store has
}

func (w *world) open() {
	w.m = New(w.opts, w.store, slog.New(slog.DiscardHandler))
	w.p, w.mi = w.m.Series(production), w.m.Mirror(mirrorID)
	w.pending, w.loaded = 0, false
}

func (w *world) begin(*rapid.T) {
	w.mi.Begin()
	w.pending++
	if !w.frozen {
		w.now.requests++
	}
}

func (w *world) end(t *rapid.T) {
	if w.pending == 0 {
		t.Skip("nothing is under way")
	}
	i := rapid.IntRange(0, endedBuckets-1).Draw(t, "bucket")
	w.mi.End(gnomon.Buckets()[i])
	w.pending--
	if !w.frozen {
		w.now.ended[i]++
	}
}

func (w *world) record(t *rapid.T) {
	minute := rapid.Int64Range(0, 200).Draw(t, "minute")
	w.p.Record(answer(time.Unix(60*minute+5, 0), time.Millisecond, 200))
	w.now.all++
	if !w.frozen {
		w.now.legs++
	}
}

// try notes what a save did. With a full disk it can only succeed if there was nothing to save.
func (w *world) try(t *rapid.T, err error) {
	switch {
	case err != nil && !w.full:
		t.Fatal("save:", err)
	case err == nil && w.full && (w.now != w.stored || w.frozen != w.closed):
		t.Fatalf("saved %v on a full disk, which has %v", w.now, w.stored)
	case err == nil:
		w.stored, w.closed, w.loaded = w.now, w.frozen, true
	}
}

func (w *world) freeze(t *rapid.T) {
	if w.full && !w.loaded && !w.frozen {
		t.Skip("what the store has cannot be known")
	}
	err := w.m.Freeze(t.Context(), mirrorID)
	if !w.frozen {
		w.now.tally, w.frozen = w.now.closed(), true
	}
	w.try(t, err)
}

// kill ends the process at once: all that was not stored is lost, and what was under way is stopped.
func (w *world) kill(*rapid.T) {
	w.stored.tally = w.stored.closed() // for whoever reads it next
	w.now, w.frozen = w.stored, w.closed
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
	c, err := w.m.Report(t.Context(), mirrorID, production.Variant, shadow.Variant)
	if err != nil {
		t.Fatal(err)
	}
	w.loaded = true
	holds(t, c.Accounting)
	if got := tallyOf(Account{Requests: c.Accounting.Requests, Ended: without(c.Accounting.Buckets)}, w.m.buckets); got != w.now.tally {
		t.Fatalf("accounting %v, want %v", got, w.now.tally)
	}
	if got := c.Errors.Production.Invocations; got != w.now.legs {
		t.Fatalf("report has %d legs, want %d", got, w.now.legs)
	}
	var all int64
	err = w.m.Minutes(t.Context(), production.Endpoint, production.Variant, time.Time{}, time.Time{}, func(m Minute) error {
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
