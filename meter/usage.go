package meter

import (
	"encoding/binary"
	"fmt"

	"gnomon"
)

// Usage is what is kept of a variant's instances in service. The distributions are in per cent, one value for each
// instance and look, and their quantiles within [RelativeError] as any others.
type Usage struct {
	Looks     int64 // how often its instances were looked at
	Instances int64 // in service, summed up over the looks
	CPU       Distribution
	Memory    Distribution
	Disk      Distribution
}

// MeanInstances returns how many instances were in service on average, 0 if nobody looked.
func (u *Usage) MeanInstances() float64 {
	if u.Looks == 0 {
		return 0
	}
	return float64(u.Instances) / float64(u.Looks)
}

func (u *Usage) all() [3]*Distribution { return [3]*Distribution{&u.CPU, &u.Memory, &u.Disk} }

func (u *Usage) add(c gnomon.Census) {
	u.Looks++
	u.Instances += int64(c.InService)
	for _, use := range c.Used {
		u.CPU.add(use.CPU)
		u.Memory.add(use.Memory)
		u.Disk.add(use.Disk)
	}
}

func (u *Usage) merge(o *Usage) {
	u.Looks += o.Looks
	u.Instances += o.Instances
	theirs := o.all()
	for i, d := range u.all() {
		d.Merge(theirs[i])
	}
}

func (u *Usage) reset() {
	u.Looks, u.Instances = 0, 0
	for _, d := range u.all() {
		d.reset()
	}
}

// encode returns looks and instances, nothing if nobody looked; and the distributions, nothing if nothing was measured.
func (u *Usage) encode() (instances, used []byte) {
	if u.Looks > 0 {
		instances = binary.AppendUvarint(instances, uint64(u.Looks))
		instances = binary.AppendUvarint(instances, uint64(u.Instances))
	}
	if u.CPU.Count() > 0 {
		all := u.all()
		used = encodeAll(nil, all[:])
	}
	return instances, used
}

// decodeUsage is the inverse of encode.
func decodeUsage(instances, used []byte) (Usage, error) {
	var u Usage
	if len(instances) > 0 {
		for _, n := range []*int64{&u.Looks, &u.Instances} {
			v, size := binary.Uvarint(instances)
			if size <= 0 || v > 1<<52 {
				return Usage{}, fmt.Errorf("instances: %w: cut off", errDamaged)
			}
			*n, instances = int64(v), instances[size:]
		}
		if len(instances) > 0 {
			return Usage{}, fmt.Errorf("instances: %w: %d bytes behind it", errDamaged, len(instances))
		}
	}
	if len(used) > 0 {
		all := u.all()
		if err := decodeAll(used, all[:]); err != nil {
			return Usage{}, fmt.Errorf("usage: %w", err)
		}
	}
	return u, nil
}

// Look takes a look at the instances of a variant.
func (m *Meter) Look(c gnomon.Census) {
	at := c.At.Unix()
	minute := at - at%60
	var n Numbers
	n.Usage.add(c)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sheet(sheetKey{c.Series, minute}).add(&n)
	m.active(c.Series, minute, &n)
}
