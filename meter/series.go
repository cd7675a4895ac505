package meter

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"gnomon"
)

// A series takes the legs of one [gnomon.Series]. Its stripes hold only what was recorded since the last drain.
type series struct {
	key       gnomon.Series
	mirrors   []*mirror // that its legs are compared in; none: not under test
	recorders atomic.Int64
	stripes   []stripe
	cells     *sync.Pool
}

// A stripe is one of several places to record at, so that processors do not wait for each other. It is locked for a
// few dozen nanoseconds at a time.
type stripe struct {
	mu    sync.Mutex
	cells []*cell // by minute, in no order: one, or two around the turn of a minute, more while slow legs end
	_     [32]byte
}

// A cell is one minute's legs. The minute is that of their start.
type cell struct {
	minute int64 // Unix seconds
	Numbers
}

func newSeries(key gnomon.Series, stripes int, cells *sync.Pool) *series {
	return &series{key: key, stripes: make([]stripe, stripes), cells: cells}
}

// A legRecorder is how a router holds on to a series: the series knows that it may still be recorded to.
type legRecorder struct{ s *series }

// Record implements [gnomon.LegRecorder].
func (r *legRecorder) Record(l gnomon.Leg) {
	s := r.s
	st := &s.stripes[rand.Uint32()&uint32(len(s.stripes)-1)]
	at := l.Started.Unix()
	minute := at - at%60
	st.mu.Lock()
	c := st.cell(minute)
	if c == nil {
		c = s.cells.Get().(*cell)
		c.minute = minute
		st.cells = append(st.cells, c)
	}
	c.add(&l)
	st.mu.Unlock()
	runtime.KeepAlive(r) // until here, the series may not be forgotten
}

func (st *stripe) cell(minute int64) *cell {
	for _, c := range st.cells {
		if c.minute == minute {
			return c
		}
	}
	return nil
}

// known reports whether it is known of each of its mirrors what the store has of it.
func (s *series) known() bool {
	return !slices.ContainsFunc(s.mirrors, func(mi *mirror) bool { return !mi.loaded })
}

// open returns the mirrors that are not frozen, and the name of the series with those only.
func (s *series) open() (gnomon.Series, []*mirror) {
	if !slices.ContainsFunc(s.mirrors, (*mirror).frozen) {
		return s.key, s.mirrors
	}
	var open []*mirror
	var ids []gnomon.MirrorID
	for _, mi := range s.mirrors {
		if !mi.frozen() {
			open, ids = append(open, mi), append(ids, mi.id)
		}
	}
	key := s.key
	key.Mirrors = gnomon.NewMirrors(ids...)
	return key, open
}

// drain takes what was recorded out of the stripes and calls fn with it. The cells are only fn's until it returns.
func (s *series) drain(fn func(*cell)) {
	var taken [4]*cell
	for i := range s.stripes {
		st := &s.stripes[i]
		st.mu.Lock()
		cells := append(taken[:0], st.cells...)
		clear(st.cells)
		st.cells = st.cells[:0]
		st.mu.Unlock()
		for _, c := range cells {
			fn(c)
			c.reset()
			s.cells.Put(c)
		}
	}
}

// empty reports whether nothing is left in the stripes.
func (s *series) empty() bool {
	for i := range s.stripes {
		st := &s.stripes[i]
		st.mu.Lock()
		n := len(st.cells)
		st.mu.Unlock()
		if n > 0 {
			return false
		}
	}
	return true
}
