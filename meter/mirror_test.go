package meter

import (
	"sync"
	"testing"

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
		if c := mi.count(); c.pending() < 0 {
			t.Errorf("pending %d of %d", c.pending(), c.requests)
			break
		}
	}
	close(done)
	recording.Wait()
	if c := mi.count(); c.pending() != 0 {
		t.Errorf("pending %d at the end", c.pending())
	}
}
