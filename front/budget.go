package front

import "sync/atomic"

// smallBody is how much of a request each connection may hold outside the budget: most requests never touch it.
const smallBody = 64 << 10

// A budget is a number of bytes that many share.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }
