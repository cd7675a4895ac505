package capture

import (
	"bytes"
	"testing"
	"time"

	"gnomon"
)

// TestQueue_Trim wants the memory of a busy time to be let go of, and that of a quiet one to be used again.
func TestQueue_Trim(t *testing.T) {
	q, s := newQueue(64<<20), &stream{}
	s.Input = true
	leg := &gnomon.CapturedLeg{EventID: []byte("id"), Began: time.Unix(0, 0), Input: bytes.Repeat([]byte("x"), blockSize/8)}
	var last batch
	// fill puts n legs and takes them.
	fill := func(n int) {
		for range n {
			if !q.put(s, leg) {
				t.Fatal("there is no room")
			}
		}
		last = q.give(q.take(last))
	}
	fill(200)
	busy := q.spare.Len()
	q.trim() // it was needed
	fill(7)
	q.trim()
	if n := q.spare.Len(); busy < 25 || n > 1 {
		t.Errorf("%d blocks wait after a quiet time, %d after a busy one", n, busy)
	}
	if n := testing.AllocsPerRun(20, func() { fill(7) }); n > 0 {
		t.Errorf("%g allocations where there are blocks", n)
	}
}
