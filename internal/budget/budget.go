// Package budget bounds what many hold together.
package budget

import "sync/atomic"

// A Budget is a number of bytes that many share. It may be used from any goroutine.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// New returns a budget of limit bytes.
func New(limit int64) *Budget { return &Budget{limit: limit} }

// Take takes n bytes, or reports false if fewer are left.
func (b *Budget) Take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

// Give gives back n bytes that were taken.
func (b *Budget) Give(n int64) { b.used.Add(-n) }

// Used is how many bytes are taken.
func (b *Budget) Used() int64 { return b.used.Load() }

// Limit is how many there are.
func (b *Budget) Limit() int64 { return b.limit }
