package router

import (
	"time"

	"gnomon"
)

// Stats is what an operator may want to know of a router at one moment.
type Stats struct {
	Instances       []InstanceStats
	Mirrors         []MirrorStats
	MirrorMemory    int64 // bytes that the bodies of copies lie in which wait or are under way
	MaxMirrorMemory int64
}

// InstanceStats is about one instance. One that has left the routes is listed until it is let go of.
type InstanceStats struct {
	ID          gnomon.InstanceID
	Address     string
	InFlight    int
	Connections int // open, those in use and those idle
	Idle        int
	Retired     bool
}

// MirrorStats is about one mirror.
type MirrorStats struct {
	gnomon.Mirror
	Waiting  int // copies
	Capacity int // of the queue
	Busy     int // copies under way
	Workers  int // at most
	Breaker  BreakerState
}

// A BreakerState says whether a mirror's shadow gets copies.
type BreakerState string

// The states of a breaker.
const (
	BreakerClosed  BreakerState = "closed"  // it does
	BreakerOpen    BreakerState = "open"    // it does not
	BreakerProbing BreakerState = "probing" // it gets one, to see
)

// Stats returns the state of things now.
func (r *Router) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{MirrorMemory: r.memory.Used(), MaxMirrorMemory: r.memory.Limit()}
	for key, in := range r.instances {
		is := InstanceStats{ID: key.id, Address: key.address, InFlight: in.claims(), Retired: in.state.Load()&retired != 0}
		is.Connections, is.Idle = in.connections()
		s.Instances = append(s.Instances, is)
	}
	for _, m := range r.mirrors {
		ms := MirrorStats{Mirror: m.names, Breaker: m.breaker.state(time.Now())}
		for _, q := range m.queues {
			ms.Waiting += int(q.length.Load())
			ms.Busy += int(q.working.Load())
			ms.Capacity += q.capacity
			ms.Workers += q.workers
		}
		s.Mirrors = append(s.Mirrors, ms)
	}
	return s
}

func (b *breaker) state(now time.Time) BreakerState {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.open.Load():
		return BreakerClosed
	case b.probing || !now.Before(b.until):
		return BreakerProbing
	}
	return BreakerOpen
}
