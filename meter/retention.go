package meter

import (
	"context"
	"errors"
	"time"

	"gnomon"
)

// sweepBatch bounds how many rows one transaction deletes.
const sweepBatch = 1000

// errEnough ends a reading of rows early.
var errEnough = errors.New("enough")

// sweep adds up the minutes of one hour that is old, or else deletes some hours that are very old. It reports whether
// there was anything to do, so there may be more. Accounts are kept: they are one line per mirror and process.
func (m *Meter) sweep(ctx context.Context) (bool, error) {
	m.saving.Lock()
	defer m.saving.Unlock()
	now := time.Now()
	minutes, err := m.oldest(ctx, Filter{Span: time.Minute, To: now.Add(-m.opts.KeepMinutes).Truncate(time.Hour)}, 1)
	if err != nil {
		return false, err
	}
	if len(minutes) > 0 {
		hour := minutes[0].Start.Truncate(time.Hour)
		return true, m.rollUp(ctx, hour)
	}
	hours, err := m.oldest(ctx, Filter{Span: time.Hour, To: now.Add(-m.opts.KeepHours).Truncate(time.Hour)}, sweepBatch)
	if err != nil || len(hours) == 0 {
		return false, err
	}
	return true, m.store.Save(ctx, Changes{Remove: hours})
}

// oldest returns the first n rows that pass f.
func (m *Meter) oldest(ctx context.Context, f Filter, n int) ([]Row, error) {
	var rows []Row
	err := m.store.Rows(ctx, f, func(r Row) error {
		rows = append(rows, r)
		if len(rows) == n {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return rows, nil
}

// rollUp puts one row per series in place of an hour's minutes. An hour that was added up before is added to.
func (m *Meter) rollUp(ctx context.Context, hour time.Time) error {
	if !m.release(hour) {
		return nil
	}
	var minutes []Row
	sums := make(map[gnomon.Series]*Numbers)
	add := func(r Row) error {
		if r.Span == time.Minute {
			minutes = append(minutes, Row{Series: r.Series, Start: r.Start, Span: r.Span, Writer: r.Writer})
		}
		n, ok := m.decode(r)
		if !ok {
			return nil // and is deleted with the rest: nothing will ever read it
		}
		if sums[r.Series] == nil {
			sums[r.Series] = new(Numbers)
		}
		sums[r.Series].Merge(n)
		return nil
	}
	for _, span := range []time.Duration{time.Minute, time.Hour} {
		if err := m.store.Rows(ctx, Filter{Span: span, From: hour, To: hour.Add(time.Hour)}, add); err != nil {
			return err
		}
	}
	var hours []Row
	for s, n := range sums {
		hours = append(hours, n.row(s, hour, time.Hour, ""))
	}
	return m.store.Save(ctx, Changes{Put: hours, Remove: minutes})
}

// release drops the hour's sheets from memory, so that none is saved in a row that was added up already. It reports
// false if one has something unsaved: then a flush must come first. A sheet can be as old as that only after a clock
// was set.
func (m *Meter) release(hour time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	var old []sheetKey
	for k, sh := range m.sheets {
		if k.minute < hour.Unix() || k.minute >= hour.Add(time.Hour).Unix() {
			continue
		}
		if sh.saved != sh.version {
			return false
		}
		old = append(old, k)
	}
	for _, k := range old {
		delete(m.sheets, k)
	}
	return true
}
