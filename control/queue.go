package control

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// Bounds of the pause after a step that failed.
const (
	firstPause   = 250 * time.Millisecond
	longestPause = 30 * time.Second
)

// A Queue holds the names of resources that wait to be reconciled, each once, with the time at which it is due. It is
// bounded by the number of resources.
type Queue struct {
	mu    sync.Mutex
	due   map[string]time.Time
	pause map[string]time.Duration // of names whose last step failed
	poke  chan struct{}
}

// NewQueue returns an empty queue.
func NewQueue() *Queue {
	return &Queue{due: make(map[string]time.Time), pause: make(map[string]time.Duration), poke: make(chan struct{}, 1)}
}

// Wake makes a name due now. It never blocks.
func (q *Queue) Wake(name string) { q.at(name, time.Now()) }

// at makes a name due at t, or earlier if it is due earlier already.
func (q *Queue) at(name string, t time.Time) {
	q.mu.Lock()
	if d, ok := q.due[name]; !ok || t.Before(d) {
		q.due[name] = t
	}
	q.mu.Unlock()
	select {
	case q.poke <- struct{}{}:
	default: // the loop has been poked already and will see this name too
	}
}

// A step does the next thing for a resource and says when to look again; 0: not before it is woken.
type step func(ctx context.Context, name string) (again time.Duration, err error)

// run takes the steps that are due, one after the other, until ctx ends. A step that fails is taken again after a
// pause that doubles.
func (q *Queue) run(ctx context.Context, log *slog.Logger, take step) error {
	for {
		name, wait := q.next()
		if name != "" {
			q.take(ctx, log, name, take)
			if ctx.Err() != nil {
				return nil
			}
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-q.poke:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// next removes and returns the name that has been due longest; if none is due, it says how long that will last.
func (q *Queue) next() (string, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var first string
	var at time.Time
	for name, t := range q.due {
		if first == "" || t.Before(at) {
			first, at = name, t
		}
	}
	if first == "" {
		return "", time.Hour
	}
	if d := time.Until(at); d > 0 {
		return "", d
	}
	delete(q.due, first)
	return first, 0
}

func (q *Queue) take(ctx context.Context, log *slog.Logger, name string, take step) {
	again, err := safely(ctx, name, take)
	if err != nil {
		if ctx.Err() != nil {
			return
		}
		again = q.longer(name)
		log.Error("reconcile", "name", name, "error", err, "again", again)
	} else {
		q.mu.Lock()
		delete(q.pause, name)
		q.mu.Unlock()
	}
	if again > 0 {
		q.at(name, time.Now().Add(again))
	}
}

// safely turns a panic into an error: one resource that cannot be reconciled must not end the server of all others.
func safely(ctx context.Context, name string, take step) (again time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return take(ctx, name)
}

func (q *Queue) longer(name string) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := min(max(2*q.pause[name], firstPause), longestPause)
	q.pause[name] = d
	return d
}

// runWithResync runs the queue and wakes everything at the start and every [resync] after it, until ctx ends.
func runWithResync(ctx context.Context, q *Queue, log *slog.Logger, wakeAll func(context.Context) error, take step) error {
	if err := wakeAll(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // told to end before it began
		}
		return fmt.Errorf("find what to reconcile: %w", err)
	}
	var ticking sync.WaitGroup
	ticking.Go(func() {
		tick := time.NewTicker(resync)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := wakeAll(ctx); err != nil && ctx.Err() == nil {
					log.Error("find what to reconcile", "error", err)
				}
			}
		}
	})
	defer ticking.Wait()
	return q.run(ctx, log, take)
}
