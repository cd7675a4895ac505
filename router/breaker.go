package router

import (
	"sync"
	"sync/atomic"
	"time"
)

// maxPauses is how many times longer than the first a breaker's pause may get.
const maxPauses = 30

// A breaker stops copies to a shadow that takes none, and tries one now and then to see whether it does again.
type breaker struct {
	faultsToOpen int
	pause        time.Duration

	open atomic.Bool // so that a closed breaker costs requests nothing

	mu      sync.Mutex
	faults  int // in a row
	until   time.Time
	next    time.Duration // the next pause
	probing bool
}

// allow reports whether a copy may be sent now, and whether it is the probe on which the breaker's state depends. A
// probe must end in result or in abandon.
func (b *breaker) allow(now time.Time) (ok, probe bool) {
	if !b.open.Load() {
		return true, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open.Load() {
		return true, false
	}
	if b.probing || now.Before(b.until) {
		return false, false
	}
	b.probing = true
	return true, true
}

// abandon says that the probe was not sent after all.
func (b *breaker) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
}

// result says how a copy went: whether the shadow took it and answered at all.
func (b *breaker) result(answered, probe bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe {
		b.probing = false
	}
	if answered {
		b.faults, b.next = 0, b.pause
		b.open.Store(false)
		return
	}
	b.faults++
	switch {
	case probe && b.open.Load(): // else others have closed it meanwhile
		b.next = min(2*b.next, maxPauses*b.pause)
	case b.open.Load() || b.faults < b.faultsToOpen:
		return // what was sent before it opened says nothing new
	default:
		b.next = b.pause
	}
	b.until = now.Add(b.next)
	b.open.Store(true)
}
