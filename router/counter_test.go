package router_test

import (
	"sync/atomic"
	"testing"
	"time"
)

// A counter knows when it was last added to.
type counter struct {
	n    atomic.Int64
	last atomic.Int64 // Unix nanoseconds
}

func (c *counter) add(n int64) {
	c.n.Add(n)
	c.last.Store(time.Now().UnixNano())
}

// settled returns when something, but nothing for a while, has been added.
func (c *counter) settled(t testing.TB) {
	t.Helper()
	eventually(t, "nothing more is added", func() bool {
		return c.n.Load() > 0 && time.Since(time.Unix(0, c.last.Load())) > 200*time.Millisecond
	})
}
