package router

import (
	"time"

	"gnomon"
)

// Stats is what an operator may want to know of a router at one moment.
type Stats struct {
	Instances    []InstanceStats
	Mirrors      []MirrorStats
	MirrorMemory int64 // bytes of copies and their answers
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
	Busy     int // workers
	Workers  int
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
	s := Stats{MirrorMemory: r.memory.used.Load()}
	for key, in := range r.instances {
		is := InstanceStats{ID: key.id, Address: key.address, InFlight: in.claims(), Retired: in.state.Load()&retired != 0}
		for _, p := range in.pools() {
			is.Connections += int(p.open.Load())
			is.Idle += p.idleConnections()
		}
		s.Instances = append(s.Instances, is)
	}
	for _, m := range r.mirrors {
		s.Mirrors = append(s.Mirrors, MirrorStats{
			Mirror: m.names, Waiting: len(m.queue), Capacity: cap(m.queue), Busy: int(m.busy.Load()), Workers: len(m.workers),
			Breaker: m.breaker.state(time.Now()),
		})
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
