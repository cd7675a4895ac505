package meter

import (
	"context"
	"slices"

	"gnomon"
)

// Freeze closes the accounting of a mirror, and the numbers of its series, for good: copies still under way count as
// stopped, and what its recorders are told from now on changes no report on it. Freezing again changes nothing. The
// error says that the store does not have it yet; memory does, and later saves include it.
func (m *Meter) Freeze(ctx context.Context, id gnomon.MirrorID) error {
	mi, err := m.hold(ctx, id)
	if err != nil {
		return err
	}
	m.freeze(mi)
	m.mu.Unlock()
	m.saving.Lock()
	defer m.saving.Unlock()
	return m.save(ctx)
}

// freeze makes the mirror's numbers final. The caller holds mu, by [Meter.hold].
func (m *Meter) freeze(mi *mirror) {
	if mi.frozen() {
		return
	}
	mi.look()
	for _, s := range m.series {
		if slices.Contains(s.mirrors, mi) {
			m.drain(s)
		}
	}
	t := mi.before
	t.add(mi.count())
	t = t.closed()
	mi.final = &t
}
