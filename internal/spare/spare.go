// Package spare keeps what will be used again, and lets go of what was not: busy times leave nothing behind for good.
package spare

import (
	"slices"
	"time"
)

// Period is how long whoever keeps a list waits from one Trim to the next.
const Period = 30 * time.Second

// A List is what waits for its next use. What was given last is taken first, so what is not needed stays at the bottom. It is for one
// goroutine at a time; its zero value is empty.
type List[T any] struct {
	items []T
	least int // there have been since the last Trim
}

// Len is how many there are.
func (l *List[T]) Len() int { return len(l.items) }

// Take returns one, or reports false if there is none.
func (l *List[T]) Take() (T, bool) {
	var none T
	last := len(l.items) - 1
	if last < 0 {
		return none, false
	}
	v := l.items[last]
	l.items[last] = none
	l.items = l.items[:last]
	l.least = min(l.least, last)
	return v, true
}

// Give adds one.
func (l *List[T]) Give(v T) { l.items = append(l.items, v) }

// Trim lets go of as many as were never needed since the last Trim, but for keep of them, and returns how many these are.
func (l *List[T]) Trim(keep int) int {
	n := max(0, l.least-keep)
	l.items = slices.Delete(l.items, 0, n)
	if len(l.items) < cap(l.items)/4 {
		l.items = slices.Clip(slices.Clone(l.items))
	}
	l.least = len(l.items)
	return n
}
