package meter

import (
	"context"

	"gnomon"
)

// Freeze closes the accounting of a mirror, and the numbers of its series, for good: copies still under way count as
// stopped, and what its recorders are told from now on changes no report on it. Freezing again changes nothing. The
// error says that the store does not have it yet; memory does, and later saves include it.
func (m *Meter) Freeze(ctx context.Context, id gnomon.MirrorID) error {
	m.saving.Lock()
	defer m.saving.Unlock()
	m.mu.Lock()
	mi := m.mirror(id)
	loaded := mi.loaded
	m.mu.Unlock()
	if !loaded {
		if err := m.load(ctx, mi); err != nil {
			return err
		}
	}
	m.freeze(mi)
	return m.save(ctx)
}

func (m *Meter) freeze(mi *mirror) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if mi.final != nil {
		return
	}
	for _, s := range m.series {
		if s.mirror == mi {
			m.drain(s)
		}
	}
	t := mi.before
	t.add(mi.count())
	t = t.closed()
	mi.final = &t
}
