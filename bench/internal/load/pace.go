package load

import (
	"context"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A turn is one request: which, and when it is due.
type turn struct {
	at  int
	due time.Time
}

// closed has a turn whenever it is asked for one, until the time is over. Who asks in a rest waits for its end.
func (p Plan) closed(begin time.Time) func() (turn, bool) {
	var mu sync.Mutex
	count := 0
	return func() (turn, bool) {
		mu.Lock()
		defer mu.Unlock()
		if p.Burst > 0 && count > 0 && count%p.Burst == 0 {
			time.Sleep(p.Rest)
		}
		now := time.Now()
		t := turn{at: count, due: now}
		count++
		return t, now.Sub(begin) < p.For
	}
}

// open has turns at the rate for whichever caller is free; what nobody is free for waits.
func (p Plan) open(ctx context.Context, begin time.Time) func() (turn, bool) {
	turns := make(chan turn, p.Count()) // so that it never waits for a caller
	go func() {                         // ends with the last turn, or with ctx
		defer close(turns)
		exactly(func() {
			for at := range p.Count() {
				due := begin.Add(time.Duration(float64(at) / p.Rate * float64(time.Second)))
				if sleepUntil(due); ctx.Err() != nil {
					return
				}
				turns <- turn{at, due}
			}
		})
	}()
	return func() (turn, bool) {
		t, ok := <-turns
		return t, ok
	}
}

// exactly runs f on a thread of its own that the system wakes when it asked to be woken. Timers of Go, and of threads by
// default, may be late by up to a millisecond, which would be taken for latency.
func exactly(f func()) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	// Without it timers are less exact, and that is all.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	f()
}

// maxSleep is how long the end of a context may be overlooked.
const maxSleep = 100 * time.Millisecond

func sleepUntil(due time.Time) {
	for {
		wait := time.Until(due)
		if wait <= 0 {
			return
		}
		t := unix.NsecToTimespec(int64(min(wait, maxSleep)))
		_ = unix.Nanosleep(&t, nil) // woken early by a signal, it goes around once more
	}
}
