package reactor

import (
	"context"
	"math/bits"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"gnomon/internal/spare"
)

// Buffers come in sizes of 4, 5, 6 and 7 times a power of two, so that at most a fifth of one is unused beyond the smallest. What is
// larger than the largest is too rare to keep.
const (
	smallest = 1 << 10
	small    = 64 << 10 // and less is quickly made
	largest  = 32 << 20
	maxSmall = 16 << 20 // bytes of small ones that wait for their next use
	maxLarge = 32 << 20
)

// Where buffers are kept for long, as by copies that wait for a slow shadow, each Take needs new memory, and it is the first use of
// that which takes long: up to 3 ms a megabyte, in some virtual machines. So some of each large size in use are made ready beside the
// loop.
const (
	readySize = 4 << 20       // bytes of each size, and one buffer at least
	maxReady  = maxLarge / 2  // of all sizes; buffers that wait for their next use are some of them
	pageSize  = 4 << 10       // or a multiple of it
	shareSize = 16 * pageSize // is made ready at a time, so that the loops have the processor
)

// memory is buffers that wait for their next use, so that messages leave the collector nothing to do.
type memory struct {
	free    [classes]spare.List[[]byte]
	used    [classes]bool // since the last trim
	small   int           // bytes of small ones
	large   int           // bytes of large ones
	ordered [classes]int
	coming  int // bytes that are ordered
}

const classes = 1 + 4*15

// An order is for a buffer to be made ready.
type order struct {
	loop  *Loop
	class int
}

// class is the smallest that holds n bytes, of at most largest.
func class(n int) int {
	if n <= smallest {
		return 0
	}
	step := bits.Len(uint(n-1)) - 3 // of sizes between n's powers of two
	return 4*(step-bits.Len(smallest)+3) + (n-1)>>step - 3
}

// sizeOf is how many bytes a buffer of the class holds.
func sizeOf(class int) int {
	if class == 0 {
		return smallest
	}
	above, quarter := (class-1)/4, (class-1)%4
	return (smallest << above) / 4 * (5 + quarter)
}

// Take returns an empty buffer that can hold n bytes without growing. What is in it behind its length is anything.
func (l *Loop) Take(n int) []byte {
	if n <= 0 || n > largest {
		return make([]byte, 0, n)
	}
	c := class(n)
	b := l.memory.take(c)
	l.order(c)
	return b
}

// Grow returns a buffer that can hold n bytes with what is in b, which it takes back. More of that size are not made ready: one that
// grows passes through sizes that nobody else may need.
func (l *Loop) Grow(b []byte, n int) []byte {
	if n > largest {
		return append(make([]byte, 0, n), b...)
	}
	grown := append(l.memory.take(class(n)), b...)
	l.Give(b)
	return grown
}

// take returns an empty buffer of the class.
func (m *memory) take(class int) []byte {
	b, ok := m.free[class].Take()
	if !ok {
		return uncleared(sizeOf(class))
	}
	*m.kept(class) -= cap(b)
	return b[:0]
}

// kept is how many bytes of such a class, or one like it, wait for their next use.
func (m *memory) kept(class int) *int {
	if sizeOf(class) > small {
		return &m.large
	}
	return &m.small
}

// wanted is how many buffers of a class in use are to be ready.
func wanted(class int) int {
	if size := sizeOf(class); size > small {
		return max(1, readySize/size)
	}
	return 0
}

// order has buffers of the class made ready if there are few.
func (l *Loop) order(class int) {
	m, size := &l.memory, sizeOf(class)
	m.used[class] = true
	for want := wanted(class); m.free[class].Len()+m.ordered[class] < want && m.large+m.coming+size <= maxReady; {
		select {
		case l.orders <- order{l, class}:
			m.ordered[class]++
			m.coming += size
		default:
			return // there is enough to do
		}
	}
}

// trim lets go of what was not needed since the last one. Of a size in use, as many stay as would be made ready again.
func (m *memory) trim() {
	ready := maxReady
	for c := range m.free {
		size, keep := sizeOf(c), 0
		if m.used[c] {
			keep = min(wanted(c), ready/size)
		}
		ready -= keep * size
		*m.kept(c) -= m.free[c].Trim(keep) * size
		m.used[c] = false
	}
}

// tend carries orders out, and has the loops trim what they hold, until ctx ends.
func (g *Group) tend(ctx context.Context) {
	trim := time.NewTicker(spare.Period)
	defer trim.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-trim.C:
			g.Trim()
		case o := <-g.orders:
			b := uncleared(sizeOf(o.class))
			use(b)
			o.loop.Post(func() { o.loop.receive(o.class, b) })
		}
	}
}

// receive takes what was ordered.
func (l *Loop) receive(class int, b []byte) {
	l.memory.ordered[class]--
	l.memory.coming -= cap(b)
	l.Give(b)
}

// use makes a buffer memory, page by page.
func use(b []byte) {
	b = b[:cap(b)]
	for i := 0; i < len(b); i += pageSize {
		b[i] = 0
		if i%shareSize == 0 {
			runtime.Gosched()
		}
	}
}

// Give takes back a buffer that nobody uses any more, and no part of it. One that is not of Take's sizes is left to the collector.
func (l *Loop) Give(b []byte) {
	n, most := cap(b), maxSmall
	if n > small {
		most = maxLarge
	}
	if n < smallest || n > largest {
		return
	}
	c := class(n)
	kept := l.memory.kept(c)
	if n != sizeOf(c) || *kept+n > most {
		return
	}
	*kept += n
	l.memory.free[c].Give(b)
}

// uncleared returns an empty buffer of n bytes that hold anything. The language clears what make returns: of 5 MB that are new to
// the process this holds a loop up for 10 ms and more, since all of it becomes memory at once. Uncleared, it does so piece by piece,
// as it is read into. A strings.Builder is the one way to such memory; nobody else has the string.
func uncleared(n int) []byte {
	var b strings.Builder
	b.Grow(n)
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), n)[:0] // and not all of its capacity, by which Give knows the class
}
