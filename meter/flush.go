package meter

import (
	"context"
	"errors"
	"time"

	"gnomon"
)

// A sheetKey names a sheet. A series under test has sheets of its own, so the mirrors are part of it.
type sheetKey struct {
	series gnomon.Series
	minute int64 // Unix seconds
}

// A sheet is what this process counted for a series in one minute, since the sheet was begun. Its row is replaced as
// a whole whenever it has grown, so it does not matter how often that is done.
//
// A sheet is dropped from memory when no leg of its minute can come any more. Should one come nevertheless, because a
// clock was set, it gets a new sheet with a writer of its own, and the row of the first stays as it is.
type sheet struct {
	writer  string
	version int // counts changes
	saved   int // the version that the store has
	Numbers
}

// flush saves what was counted since the last flush: minutes and accounting together, so that their sums agree
// whenever the process ends.
func (m *Meter) flush(ctx context.Context) error {
	m.saving.Lock()
	defer m.saving.Unlock()
	err := m.loadAll(ctx)
	if m.opts.Judge != nil {
		err = errors.Join(err, m.opts.Judge.Load(ctx))
	}
	if saveErr := m.save(ctx); saveErr != nil {
		return saveErr
	}
	return err
}

// save does the flush; saving is held.
func (m *Meter) save(ctx context.Context) error {
	m.mu.Lock()
	m.drainAll()
	b := m.batch()
	m.mu.Unlock()
	evidence, judged := []Evidence(nil), func() {}
	if m.opts.Judge != nil {
		evidence, judged = m.opts.Judge.Unsaved()
	}
	if len(b.rows)+len(b.accounts)+len(evidence) > 0 {
		if err := m.store.Save(ctx, Changes{Put: b.rows, Accounts: b.accounts, Evidence: evidence}); err != nil {
			return err
		}
	}
	judged()
	m.mu.Lock()
	defer m.mu.Unlock()
	b.saved()
	m.forget(time.Now())
	return nil
}

// drainAll looks at all mirrors and moves what all stripes hold to the sheets. The caller holds mu.
func (m *Meter) drainAll() {
	for _, mi := range m.mirrors {
		mi.look()
	}
	for _, s := range m.series {
		m.drain(s)
	}
}

// drain moves what a series' stripes hold to its sheets. The caller holds mu.
func (m *Meter) drain(s *series) {
	if !s.known() {
		return // whether a mirror is frozen is not known yet
	}
	// What comes after the end of a mirror was answered all the same, but is no part of its test.
	key, mirrors := s.open()
	s.drain(func(c *cell) {
		m.sheet(sheetKey{key, c.minute}).add(&c.Numbers)
		m.active(key, c.minute, &c.Numbers)
		m.total(key).Merge(&c.Numbers)
		for _, mi := range mirrors {
			mi.addTo(key.Variant, time.Unix(c.minute, 0).UTC(), time.Minute, &c.Numbers)
		}
	})
}

func (sh *sheet) add(n *Numbers) {
	sh.Merge(n)
	sh.version++
}

func (m *Meter) sheet(k sheetKey) *sheet {
	sh, ok := m.sheets[k]
	if !ok {
		sh = &sheet{writer: m.newWriter()}
		m.sheets[k] = sh
	}
	return sh
}

func (m *Meter) total(s gnomon.Series) *Numbers {
	v := variant{s.Endpoint, s.Variant}
	n, ok := m.totals[v]
	if !ok {
		n = new(Numbers)
		m.totals[v] = n
	}
	return n
}

func (k sheetKey) row(sh *sheet) Row {
	return sh.row(k.series, time.Unix(k.minute, 0).UTC(), time.Minute, sh.writer)
}

// A batch is what one transaction saves, and what to note when it has.
type batch struct {
	rows     []Row
	accounts []Account
	notes    []func()
}

// batch returns what the store does not have yet. The caller holds mu, and saving until it has called saved.
func (m *Meter) batch() batch {
	var b batch
	for k, sh := range m.sheets {
		if v := sh.version; v != sh.saved {
			b.rows = append(b.rows, k.row(sh))
			b.notes = append(b.notes, func() { sh.saved = v })
		}
	}
	for _, mi := range m.mirrors {
		if t, ok := mi.unsaved(); ok {
			final := mi.final != nil
			b.accounts = append(b.accounts, Account{
				Mirror: mi.id, Writer: mi.writer, Requests: t.requests, Ended: t.buckets(), Final: final,
			})
			b.notes = append(b.notes, func() { mi.saved, mi.closed = t, final })
		}
	}
	return b
}

// saved notes that the store has the batch. The caller holds mu.
func (b *batch) saved() {
	for _, note := range b.notes {
		note()
	}
}

// forgetMirrorAfter is how long a mirror stays in memory after its last use: a report on it then needs no reading.
const forgetMirrorAfter = 10 * time.Minute

// forget drops from memory what is saved and will not change any more, so that memory does not grow with what has
// been. The caller holds mu.
func (m *Meter) forget(now time.Time) {
	open := now.Add(-m.opts.LongestLeg - time.Minute).Unix()
	for k, sh := range m.sheets {
		if sh.saved == sh.version && k.minute < open {
			delete(m.sheets, k)
		}
	}
	variants := make(map[variant]bool)
	for key, s := range m.series {
		if s.recorders.Load() == 0 && s.empty() {
			delete(m.series, key)
			continue
		}
		variants[variant{key.Endpoint, key.Variant}] = true
		for _, mi := range s.mirrors {
			mi.used = now
		}
	}
	for v := range m.totals {
		if !variants[v] {
			delete(m.totals, v)
		}
	}
	m.forgetMirrors(now)
}

func (m *Meter) forgetMirrors(now time.Time) {
	held := make(map[names]bool)
	for id, mi := range m.mirrors {
		mi.look()
		_, unsaved := mi.unsaved()
		if mi.recorders.Load() > 0 || !mi.loaded || unsaved || now.Sub(mi.used) < forgetMirrorAfter {
			held[mi.names] = true
			continue
		}
		delete(m.mirrors, id)
		m.retire(mi)
	}
	for n := range m.retired {
		if !held[n] || n == (names{}) {
			delete(m.retired, n)
		}
	}
}

// retire keeps what a mirror counted for Prometheus, as long as another one bears its names: a counter must not fall.
func (m *Meter) retire(mi *mirror) {
	t, ok := m.retired[mi.names]
	if !ok {
		t = new(tally)
		m.retired[mi.names] = t
	}
	t.add(mi.count())
}
