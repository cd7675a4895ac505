package reactor

import "math/bits"

// Large buffers come in sizes of powers of two. What is smaller is better left to Go, what is larger is too rare to keep.
const (
	smallestClass = 16 // 64 KiB
	largestClass  = 25 // 32 MiB
	maxKept       = 32 << 20
)

// memory is large buffers that wait for their next use, so that large messages leave the collector nothing to do.
type memory struct {
	free [largestClass + 1][][]byte
	kept int // bytes
}

// Take returns an empty buffer that can hold n bytes without growing.
func (l *Loop) Take(n int) []byte {
	class := max(smallestClass, bits.Len(uint(n-1)))
	if n <= 0 || class > largestClass {
		return make([]byte, 0, n)
	}
	free := l.memory.free[class]
	if len(free) == 0 {
		return make([]byte, 0, 1<<class)
	}
	b := free[len(free)-1]
	free[len(free)-1] = nil
	l.memory.free[class] = free[:len(free)-1]
	l.memory.kept -= cap(b)
	return b[:0]
}

// Give returns a buffer of Take's that nobody uses any more. Any other buffer is left to the collector.
func (l *Loop) Give(b []byte) {
	class := bits.Len(uint(cap(b))) - 1
	if class < smallestClass || class > largestClass || cap(b) != 1<<class || l.memory.kept+cap(b) > maxKept {
		return
	}
	l.memory.kept += cap(b)
	l.memory.free[class] = append(l.memory.free[class], b)
}
