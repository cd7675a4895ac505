package host

import (
	"context"
	"time"

	"gnomon"
)

// A Load is what an instance has used so far and uses now.
type Load struct {
	CPU    time.Duration // of processors, since its server was started; it falls when the server is started anew
	Memory float64       // per cent of what the instance has
	Disk   float64       // per cent of the disk that it is on
	Waited time.Duration // of its threads that run, for a processor, since each was started
}

// Observe sets the function that is told how many instances of each variant are in service and what they use: every
// LookInterval, and without use whenever an instance has changed. It must not block. It replaces the one set before.
func (h *Host) Observe(f func(gnomon.Census)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.observe = f
}

// watch looks at the instances until the host ends.
func (h *Host) watch() {
	tick := time.NewTicker(h.opts.LookInterval)
	defer tick.Stop()
	before := make(map[gnomon.InstanceID]measured)
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.stirred:
			h.look(nil)
		case <-tick.C:
			before = h.measure(before)
		}
	}
}

// measured is what an instance had used when.
type measured struct {
	at   time.Time
	load Load
}

// measure looks at the instances and what they use, since they were measured before. It returns the measurement.
func (h *Host) measure(before map[gnomon.InstanceID]measured) map[gnomon.InstanceID]measured {
	m, ok := h.driver.(Measurer)
	if !ok {
		h.look(nil)
		return before
	}
	var ids []gnomon.InstanceID
	for _, i := range h.Instances() {
		if i.State == gnomon.InstanceInService {
			ids = append(ids, i.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(h.ctx, h.opts.LookInterval)
	defer cancel()
	loads, err := m.Measure(ctx, ids)
	if err != nil && h.ctx.Err() == nil {
		h.log.Warn("what instances use is not known", "err", err)
	}
	now := make(map[gnomon.InstanceID]measured)
	used := make(map[gnomon.InstanceID]gnomon.Use)
	for id, load := range loads {
		now[id] = measured{time.Now(), load}
		// Without a measurement before, or if the server was started anew since, there is nothing to compare with.
		if b, ok := before[id]; ok && load.CPU >= b.load.CPU && now[id].at.After(b.at) {
			cpu := 100 * float64(load.CPU-b.load.CPU) / float64(now[id].at.Sub(b.at))
			used[id] = gnomon.Use{CPU: cpu, Memory: load.Memory, Disk: load.Disk, Waited: max(0, load.Waited-b.load.Waited)}
		}
	}
	h.look(used)
	return now
}

// look tells the observer of all variants that have an instance in service.
func (h *Host) look(used map[gnomon.InstanceID]gnomon.Use) {
	now := time.Now()
	found := make(map[gnomon.Series]*gnomon.Census)
	h.mu.Lock()
	observe := h.observe
	for id, i := range h.instances {
		if i.view.State != gnomon.InstanceInService {
			continue
		}
		s := gnomon.Series{EndpointID: i.spec.EndpointID, Endpoint: i.spec.Endpoint, Variant: i.spec.Variant}
		c, ok := found[s]
		if !ok {
			c = &gnomon.Census{Series: s, At: now}
			found[s] = c
		}
		c.InService++
		if u, ok := used[id]; ok {
			c.Used = append(c.Used, u)
		}
	}
	h.mu.Unlock()
	for _, c := range found {
		observe(*c)
	}
}
