package meter

import (
	"sync"
	"testing"
	"time"

	"gnomon"
)

// At no instant have more copies ended than begun, however long the counting takes: many stripes make it long.
func TestMirror_PendingIsNeverNegative(t *testing.T) {
	m := newTestMeter(t, newMemory(), Options{})
	m.stripes = 64
	r := m.Mirror(copying)
	mi := m.mirrors[mirrorID]
	done := make(chan struct{})
	var recording sync.WaitGroup
	for range 2 {
		recording.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					r.Begin()
					r.End(gnomon.BucketMirrored)
				}
			}
		})
	}
	for range 20_000 {
		mi.look()
		if c := mi.count(); c.pending() < 0 {
			t.Errorf("pending %d of %d", c.pending(), c.requests)
			break
		}
	}
	close(done)
	recording.Wait()
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
	done := make(chan struct{})
	var recording sync.WaitGroup
	for range 2 {
		recording.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					r.Begin()
					p.Record(answer(at, time.Millisecond, 200))
					s.Record(answer(at, time.Millisecond, 200))
					r.End(gnomon.BucketMirrored)
				}
			}
		})
	}
	for range 2_000 {
		c := report(t, m)
		if ended := c.Accounting.Buckets[gnomon.BucketMirrored]; c.Errors.Shadow.Invocations < ended {
			t.Errorf("%d copies have ended, and the shadow has %d legs", ended, c.Errors.Shadow.Invocations)
			break
		}
		if c.Errors.Production.Invocations > c.Accounting.Requests {
			t.Errorf("%d requests, and production has %d legs", c.Accounting.Requests, c.Errors.Production.Invocations)
			break
		}
	}
	close(done)
	recording.Wait()
}
