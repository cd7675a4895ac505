package meter

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gnomon"
)

// meanwhile calls f again and again, on two goroutines, until the returned function has been called.
func meanwhile(f func()) (end func()) {
	var ending atomic.Bool
	var calling sync.WaitGroup
	for range 2 {
		calling.Go(func() {
			for !ending.Load() {
				f()
			}
		})
	}
	return func() { ending.Store(true); calling.Wait() }
}

// At no instant have more copies ended than begun, however long the counting takes: many stripes make it long.
func TestMirror_PendingIsNeverNegative(t *testing.T) {
	m := newTestMeter(t, newMemory(), Options{})
	m.stripes = 64
	r := m.Mirror(copying)
	mi := m.mirrors[mirrorID]
	end := meanwhile(func() {
		r.Begin()
		r.End(gnomon.BucketMirrored)
	})
	for range 20_000 {
		mi.look()
		if c := mi.count(); c.pending() < 0 {
			t.Errorf("pending %d of %d", c.pending(), c.requests)
			break
		}
	}
	end()
	mi.look()
	if c := mi.count(); c.pending() != 0 {
		t.Errorf("pending %d at the end", c.pending())
	}
}

// Whenever a report is made, each copy that it says has ended is among the shadow's legs, and each of production's legs among
// the requests.
func TestMirror_EndsHaveTheirLegs(t *testing.T) {
	m := newTestMeter(t, newMemory(), Options{})
	r := m.Mirror(copying)
	p, s := m.Series(production), m.Series(shadow)
	at := time.Now()
	defer meanwhile(func() {
		r.Begin()
		p.Record(answer(at, time.Millisecond, 200))
		s.Record(answer(at, time.Millisecond, 200))
		r.End(gnomon.BucketMirrored)
	})()
	for range 2_000 {
		c := report(t, m)
		if ended := c.Accounting.Buckets[gnomon.BucketMirrored]; c.Errors.Shadow.Invocations < ended {
			t.Fatalf("%d copies have ended, and the shadow has %d legs", ended, c.Errors.Shadow.Invocations)
		}
		if c.Errors.Production.Invocations > c.Accounting.Requests {
			t.Fatalf("%d requests, and production has %d legs", c.Accounting.Requests, c.Errors.Production.Invocations)
		}
	}
}
