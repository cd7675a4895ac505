// Package reactor runs many connections on few goroutines: each [Loop] has an epoll instance of its own, and calls the
// [Handler] of a connection when something can be read from it or written to it, or when its deadline is over.
//
// Start at [Loop.Run] and [Conn]. The loop's epoll instance is itself a file of Go's own poller, so a loop that has
// nothing to do is a parked goroutine like any other: it holds no thread and no processor. One turn (loop.go) takes all
// events there are, calls their handlers one after the other, and last of all what handlers have put off
// ([Loop.Later]). Nothing that is called on a loop may block: whoever blocks it, blocks all of its connections.
//
// The package knows sockets and the clock. It must not know what is said on them. It needs Linux.
package reactor

import (
	"context"
	"fmt"
	"sync"
)

// A Group is all loops of a program. Connections that work together, such as a caller's and a model's, belong on one.
type Group struct {
	loops  []*Loop
	orders chan order
}

// maxOrders is how many buffers may be on order, of all loops.
const maxOrders = 1024

// NewGroup makes n loops.
func NewGroup(n int) (*Group, error) {
	g := &Group{orders: make(chan order, maxOrders)}
	for i := range n {
		l, err := newLoop(i, g.orders)
		if err != nil {
			g.Close()
			return nil, fmt.Errorf("make event loop %d of %d: %w", i+1, n, err)
		}
		g.loops = append(g.loops, l)
	}
	return g, nil
}

// Contain keeps a handler's panic from ending the program: its connection is closed, and the function is told. It must be
// called before Run.
func (g *Group) Contain(panicked func(v any, stack []byte)) {
	for _, l := range g.loops {
		l.panicked = panicked
	}
}

// Len is the number of loops.
func (g *Group) Len() int { return len(g.loops) }

// Loops returns all loops; the one with [Loop.Index] i is at i.
func (g *Group) Loops() []*Loop { return g.loops }

// Next is the loop with the fewest connections that Next gave it: those it has dialled come of these, and idle ones say nothing of
// what it has to do. It has one more from now on, which it must adopt.
func (g *Group) Next() *Loop {
	best := g.loops[0]
	for _, l := range g.loops[1:] {
		if l.given.Load() < best.given.Load() {
			best = l
		}
	}
	best.given.Add(1) // not only when it is adopted: a loop that is busy just now would get all that come
	return best
}

// Run runs all loops until ctx ends, and closes them then with the connections that are left on them.
func (g *Group) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(g.loops))
	var running sync.WaitGroup
	for i, l := range g.loops {
		running.Go(func() {
			if errs[i] = l.run(ctx); errs[i] != nil {
				cancel()
			}
		})
	}
	running.Go(func() { g.tend(ctx) })
	running.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("event loop %d: %w", i, err)
		}
	}
	return nil
}

// Trim has all loops let go of buffers that nobody needed since the last Trim, and call who asked for it by [Loop.OnTrim]. Run does so
// twice a minute.
func (g *Group) Trim() {
	for _, l := range g.loops {
		l.Post(l.trim)
	}
}

// Close lets go of loops that never ran.
func (g *Group) Close() {
	for _, l := range g.loops {
		l.close()
	}
}
