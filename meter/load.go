package meter

import (
	"context"
	"slices"

	"gnomon"
)

// hold returns the mirror of that ID, holding mu, once it is known what the store has of it and of every mirror that its
// legs are compared in too: until then they wait. The caller unlocks mu. With an error, mu is not held.
func (m *Meter) hold(ctx context.Context, id gnomon.MirrorID) (*mirror, error) {
	for {
		m.mu.Lock()
		mi := m.mirror(id)
		if m.known(mi) {
			return mi, nil
		}
		m.mu.Unlock()
		if err := m.catchUp(ctx); err != nil {
			return nil, err
		}
	}
}

func (m *Meter) known(mi *mirror) bool {
	for _, s := range m.series {
		if slices.Contains(s.mirrors, mi) && !s.known() {
			return false
		}
	}
	return mi.loaded
}

func (m *Meter) catchUp(ctx context.Context) error {
	m.saving.Lock()
	defer m.saving.Unlock()
	return m.loadAll(ctx)
}

// loadAll reads what the store has of mirrors that are new in memory. The caller holds saving.
func (m *Meter) loadAll(ctx context.Context) error {
	var fresh []*mirror
	m.mu.Lock()
	for _, mi := range m.mirrors {
		if !mi.loaded {
			fresh = append(fresh, mi)
		}
	}
	m.mu.Unlock()
	for _, mi := range fresh {
		if err := m.load(ctx, mi); err != nil {
			return err
		}
	}
	return nil
}

// load reads what the store has of a mirror that is new in memory. None of it is from the mirror's own writer, so the
// two can be added. The caller holds saving.
func (m *Meter) load(ctx context.Context, mi *mirror) error {
	accounts, err := m.store.Accounts(ctx, mi.id)
	if err != nil {
		return err
	}
	was := newMirror(mi.id, "", 0)
	err = m.store.Rows(ctx, Filter{Mirror: mi.id}, func(r Row) error {
		if n, ok := m.decode(r); ok {
			was.addTo(r.Series.Variant, r.Start, r.Span, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	final := false
	for _, a := range accounts {
		was.before.add(tallyOf(a, m.buckets).closed())
		final = final || a.Final
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mi.before, mi.variants, mi.loaded = was.before, was.variants, true
	if final {
		mi.final, mi.closed = &was.before, true
	}
	return nil
}

// decode returns a row's numbers. A damaged row is logged and left out: the others are worth no less for it.
func (m *Meter) decode(r Row) (*Numbers, bool) {
	n, err := decodeRow(r)
	if err != nil {
		m.log.Warn("a row of traffic numbers is left out", "error", err)
		return nil, false
	}
	return n, true
}
