package router

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// A sampler says which requests are in a mirror's sample. It depends on the request's id and the mirror's salt alone, so
// all routers agree, and a larger fraction contains every smaller one with the same salt.
type sampler struct {
	key       [2]uint64
	threshold uint64
	all       bool
}

func newSampler(salt string, fraction float64) sampler {
	sum := sha256.Sum256([]byte(salt))
	s := sampler{key: [2]uint64{binary.LittleEndian.Uint64(sum[0:]), binary.LittleEndian.Uint64(sum[8:])}}
	switch {
	case fraction >= 1:
		s.all = true
	case fraction > 0:
		s.threshold = uint64(fraction * math.MaxUint64)
	}
	return s
}

func (s *sampler) contains(id []byte) bool { return s.all || s.hash(id) < s.threshold }

// hash folds eight bytes at a time by a full multiplication, which spreads ids that differ in any digit evenly.
func (s *sampler) hash(id []byte) uint64 {
	h := s.key[0] ^ uint64(len(id))
	for len(id) >= 8 {
		h = fold(h^binary.LittleEndian.Uint64(id), s.key[1]|1)
		id = id[8:]
	}
	for _, b := range id {
		h = fold(h^uint64(b), s.key[1]|1)
	}
	return fold(h^s.key[0], 0x9e3779b97f4a7c15)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// rateBurst is how far ahead of its rate a mirror may run.
const rateBurst = 100 * time.Millisecond

// A rate holds a mirror to a number of copies per second.
type rate struct {
	due atomic.Int64 // when the next copy is due if they came evenly, in Unix nanoseconds
}

// allow reports whether one more copy is within perSecond now, and counts it; 0 is no cap.
func (r *rate) allow(now time.Time, perSecond float64) bool {
	if perSecond <= 0 {
		return true
	}
	interval, t := int64(float64(time.Second)/perSecond), now.UnixNano()
	for {
		seen := r.due.Load()
		due := max(seen, t)
		if due-t > int64(rateBurst)+interval {
			due = t // it was put off at a lower rate than this, which holds no more
		}
		if due-t > int64(rateBurst) {
			return false
		}
		if due > t && interval > int64(rateBurst) {
			return false
		}
		if r.due.CompareAndSwap(seen, due+interval) {
			return true
		}
	}
}
