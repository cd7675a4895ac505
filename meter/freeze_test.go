package meter

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gnomon"
)

func TestFreeze_IsFinal(t *testing.T) {
	s := newMemory()
	m := newTestMeter(t, s, Options{})
	p, mi := m.Series(production), m.Mirror(copying)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	use := func(p gnomon.LegRecorder, mi gnomon.MirrorRecorder) {
		mi.Begin()
		mi.Begin()
		mi.End(gnomon.BucketMirrored)
		p.Record(answer(at, time.Millisecond, 200))
	}
	use(p, mi)
	if err := m.Freeze(t.Context(), mirrorID); err != nil {
		t.Fatal("freeze:", err)
	}
	final := report(t, m)
	holds(t, final.Accounting)
	if b := final.Accounting.Buckets; b[gnomon.BucketMirrored] != 1 || b[gnomon.BucketStopped] != 1 || b[gnomon.BucketPending] != 0 {
		t.Errorf("frozen as %v", final.Accounting)
	}

	mi.End(gnomon.BucketShadowTimeout) // of the copy that counts as stopped
	use(p, mi)
	for range 2 {
		flush(t, m)
		if d := cmp.Diff(final, report(t, m)); d != "" {
			t.Error("changed afterwards:", d)
		}
		if err := m.Freeze(t.Context(), mirrorID); err != nil {
			t.Error("freeze again:", err)
		}
	}
	next := newTestMeter(t, s, Options{})
	use(next.Series(production), next.Mirror(copying)) // a router that has not heard of it
	flush(t, next)
	if err := next.Freeze(t.Context(), mirrorID); err != nil {
		t.Error("freeze after a restart:", err)
	}
	if d := cmp.Diff(final, report(t, next)); d != "" {
		t.Error("changed after a restart:", d)
	}
	if d := cmp.Diff(map[string]int64{"12:00": 3}, minutes(t, next)); d != "" {
		t.Error("the endpoint's own numbers do not go on:", d)
	}
}

func TestFreeze_HoldsWhileTheStoreFails(t *testing.T) {
	s := newMemory()
	m := newTestMeter(t, s, Options{})
	mi := m.Mirror(copying)
	mi.Begin()
	flush(t, m)
	s.fail(errDiskFull)
	if err := m.Freeze(t.Context(), mirrorID); !errors.Is(err, errDiskFull) {
		t.Fatalf("freeze: %v", err)
	}
	mi.Begin()
	mi.End(gnomon.BucketMirrored)
	s.fail(nil)
	flush(t, m)
	for _, m := range []*Meter{m, newTestMeter(t, s, Options{})} {
		if a := accounting(t, m); a.Requests != 1 || a.Buckets[gnomon.BucketStopped] != 1 {
			t.Errorf("accounting %v", a)
		}
	}
}
