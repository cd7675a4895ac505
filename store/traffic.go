package store

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"gnomon"
)

//go:embed migrations/traffic/*.sql
var trafficMigrations embed.FS

// A Traffic keeps what variants did minute by minute, and the accounting of mirrors. It has a file of its own, since
// it is written every few seconds and may lose the last write with the power, though not with the process.
type Traffic struct {
	db *sql.DB
}

// OpenTraffic opens the file at path and brings its schema up to date; it makes the file if there is none. Close it
// when nobody uses it any more.
func OpenTraffic(ctx context.Context, path string) (*Traffic, error) {
	migrations, err := fs.Sub(trafficMigrations, "migrations/traffic")
	if err != nil {
		return nil, fmt.Errorf("open traffic: %w", err)
	}
	db, err := open(ctx, path, "NORMAL", migrations)
	if err != nil {
		return nil, err
	}
	return &Traffic{db}, nil
}

// Close closes the file.
func (t *Traffic) Close() error { return t.db.Close() }

// These are the shapes that the meter saves. They have no names of their own there, so they are the same types.
type (
	trafficRow = struct {
		Series   gnomon.Series
		Start    time.Time
		Span     time.Duration
		Writer   string
		Counts   []byte
		Latency  []byte
		Overhead []byte
		Streams  []byte

		Instances []byte
		Usage     []byte
	}
	trafficActivity = struct {
		Endpoint gnomon.EndpointName
		Variant  gnomon.VariantName
		Legs     time.Time
		Latency  time.Time
		Overhead time.Time
		Streams  time.Time
		Usage    time.Time
	}
	trafficEvidence = struct {
		Mirror gnomon.MirrorID
		State  []byte
	}
	trafficChanges = struct {
		Put, Remove []trafficRow
		Accounts    []trafficAccount
		Evidence    []trafficEvidence
	}
	trafficAccount = struct {
		Mirror   gnomon.MirrorID
		Writer   string
		Requests int64
		Ended    map[gnomon.Bucket]int64
		Final    bool
	}
	trafficFilter = struct {
		EndpointID string
		Endpoint   gnomon.EndpointName
		Variant    gnomon.VariantName
		Mirror     gnomon.MirrorID
		Span       time.Duration
		From, To   time.Time
	}
)

const (
	putRow = `
INSERT INTO traffic (endpoint_id, endpoint, variant, mirrors, start_at, span, writer, counts, latency, overhead, streams, instances, usage)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (endpoint, variant, start_at, span, mirrors, endpoint_id, writer)
DO UPDATE SET counts = excluded.counts, latency = excluded.latency, overhead = excluded.overhead, streams = excluded.streams,
    instances = excluded.instances, usage = excluded.usage`

	removeRow = `
DELETE FROM traffic
WHERE endpoint_id = $1 AND endpoint = $2 AND variant = $3 AND mirrors = $4 AND start_at = $5 AND span = $6 AND writer = $7`

	putMember = `
INSERT INTO mirror_sets (mirror, mirrors) VALUES ($1, $2) ON CONFLICT (mirror, mirrors) DO NOTHING`

	putAccount = `
INSERT INTO accounts (mirror, writer, requests, ended, final) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (mirror, writer)
DO UPDATE SET requests = excluded.requests, ended = excluded.ended, final = excluded.final`

	putEvidence = `
INSERT INTO evidence (mirror, state) VALUES ($1, $2) ON CONFLICT (mirror) DO UPDATE SET state = excluded.state`

	removeEvidence = `DELETE FROM evidence WHERE mirror = $1`

	selectEvidence = `SELECT state FROM evidence WHERE mirror = $1`

	selectAccounts = `SELECT mirror, writer, requests, ended, final FROM accounts WHERE mirror = $1`

	// Spans are named, so that the index by age serves.
	selectActivity = `
SELECT endpoint, variant, MAX(CASE WHEN counts <> '{}' THEN start_at END), MAX(CASE WHEN length(latency) > 0 THEN start_at END),
    MAX(CASE WHEN length(overhead) > 0 THEN start_at END), MAX(CASE WHEN length(streams) > 0 THEN start_at END),
    MAX(CASE WHEN length(usage) > 0 THEN start_at END)
FROM traffic WHERE span IN (60, 3600) AND start_at >= $1 GROUP BY endpoint, variant`

	selectRows = `
SELECT endpoint_id, endpoint, variant, mirrors, start_at, span, writer, counts, latency, overhead, streams, instances, usage FROM traffic`
)

// Save puts rows, accounts and evidence, each in place of what has the same key, and removes rows by their keys, and evidence without
// a state, all in one transaction.
func (t *Traffic) Save(ctx context.Context, c trafficChanges) error {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("save traffic: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	if err := saveTraffic(ctx, tx, c); err != nil {
		return fmt.Errorf("save traffic: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("save traffic: %w", err)
	}
	return nil
}

func saveTraffic(ctx context.Context, tx *sql.Tx, c trafficChanges) error {
	for _, r := range c.Remove {
		if _, err := tx.ExecContext(ctx, removeRow, trafficKey(r)...); err != nil {
			return err
		}
	}
	for _, r := range c.Put {
		args := append(trafficKey(r), string(r.Counts), notNull(r.Latency), notNull(r.Overhead), notNull(r.Streams), notNull(r.Instances), notNull(r.Usage))
		if _, err := tx.ExecContext(ctx, putRow, args...); err != nil {
			return err
		}
		if err := saveMirrors(ctx, tx, r.Series.Mirrors); err != nil {
			return err
		}
	}
	for _, e := range c.Evidence {
		if err := saveEvidence(ctx, tx, e.Mirror, e.State); err != nil {
			return err
		}
	}
	for _, a := range c.Accounts {
		ended, err := json.Marshal(a.Ended)
		if err != nil {
			return err
		}
		var final int64
		if a.Final {
			final = 1
		}
		if _, err := tx.ExecContext(ctx, putAccount, a.Mirror, a.Writer, a.Requests, string(ended), final); err != nil {
			return err
		}
	}
	return nil
}

func saveEvidence(ctx context.Context, tx *sql.Tx, of gnomon.MirrorID, state []byte) error {
	if len(state) == 0 {
		_, err := tx.ExecContext(ctx, removeEvidence, of)
		return err
	}
	_, err := tx.ExecContext(ctx, putEvidence, of, string(state))
	return err
}

// saveMirrors lets the rows of several mirrors be found by each of them.
func saveMirrors(ctx context.Context, tx *sql.Tx, mirrors gnomon.Mirrors) error {
	ids := mirrors.IDs()
	if len(ids) < 2 {
		return nil // the set is the mirror's ID itself
	}
	for _, id := range ids {
		if _, err := tx.ExecContext(ctx, putMember, id, mirrors); err != nil {
			return err
		}
	}
	return nil
}

func trafficKey(r trafficRow) []any {
	return []any{
		r.Series.EndpointID, r.Series.Endpoint, r.Series.Variant, r.Series.Mirrors,
		r.Start.Unix(), int64(r.Span / time.Second), r.Writer,
	}
}

// notNull returns b, or an empty slice for nil, which drivers would take for NULL.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Rows calls fn with the rows that pass the filter, by rising start, until fn returns an error, which it returns as it
// is. A field of the filter with its zero value lets everything pass. fn must not use the Traffic.
func (t *Traffic) Rows(ctx context.Context, f trafficFilter, fn func(trafficRow) error) error {
	where, args := trafficWhere(f)
	rows, err := t.db.QueryContext(ctx, selectRows+where+" ORDER BY start_at", args...)
	if err != nil {
		return fmt.Errorf("read traffic: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r trafficRow
		var start, span int64
		s := &r.Series
		err := rows.Scan(&s.EndpointID, &s.Endpoint, &s.Variant, &s.Mirrors, &start, &span, &r.Writer,
			&r.Counts, &r.Latency, &r.Overhead, &r.Streams, &r.Instances, &r.Usage)
		if err != nil {
			return fmt.Errorf("read traffic: %w", err)
		}
		r.Start, r.Span = time.Unix(start, 0).UTC(), time.Duration(span)*time.Second
		if err := fn(r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read traffic: %w", err)
	}
	return nil
}

// trafficWhere returns the conditions of a filter, with a space before them, and their arguments.
func trafficWhere(f trafficFilter) (string, []any) {
	var conditions []string
	var args []any
	add := func(wanted bool, condition string, arg any) {
		if wanted {
			args = append(args, arg)
			conditions = append(conditions, strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(args))))
		}
	}
	add(f.EndpointID != "", "endpoint_id = ?", f.EndpointID)
	add(f.Endpoint != "", "endpoint = ?", f.Endpoint)
	add(f.Variant != "", "variant = ?", f.Variant)
	// <> lets the partial index serve.
	add(f.Mirror != "", "mirrors <> '' AND mirrors IN (SELECT ? UNION ALL SELECT s.mirrors FROM mirror_sets s WHERE s.mirror = ?)", f.Mirror)
	add(f.Span != 0, "span = ?", int64(f.Span/time.Second))
	add(!f.From.IsZero(), "start_at >= ?", f.From.Unix())
	add(!f.To.IsZero(), "start_at < ?", f.To.Unix())
	if len(conditions) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(conditions, " AND "), args
}

// Accounts returns the accounts of one mirror, in no order.
func (t *Traffic) Accounts(ctx context.Context, id gnomon.MirrorID) ([]trafficAccount, error) {
	rows, err := t.db.QueryContext(ctx, selectAccounts, id)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	defer rows.Close()
	var all []trafficAccount
	for rows.Next() {
		var a trafficAccount
		var ended []byte
		var final int64
		if err := rows.Scan(&a.Mirror, &a.Writer, &a.Requests, &ended, &final); err != nil {
			return nil, fmt.Errorf("read accounts: %w", err)
		}
		if err := json.Unmarshal(ended, &a.Ended); err != nil {
			return nil, fmt.Errorf("read accounts: %s: %w", a.Mirror, err)
		}
		a.Final = final != 0
		all = append(all, a)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return all, nil
}

// Evidence returns what was last saved of what is judged of a mirror's requests; nil: nothing was.
func (t *Traffic) Evidence(ctx context.Context, id gnomon.MirrorID) ([]byte, error) {
	var state []byte
	err := t.db.QueryRowContext(ctx, selectEvidence, id).Scan(&state)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read evidence: %w", err)
	}
	return state, nil
}

// KeepEvidence removes what is judged of mirrors that keep does not want.
func (t *Traffic) KeepEvidence(ctx context.Context, keep func(gnomon.MirrorID) bool) error {
	rows, err := t.db.QueryContext(ctx, `SELECT mirror FROM evidence`)
	if err != nil {
		return fmt.Errorf("read evidence: %w", err)
	}
	defer rows.Close()
	var gone trafficChanges
	for rows.Next() {
		var id gnomon.MirrorID
		if err := rows.Scan(&id); err != nil {
			return fmt.Errorf("read evidence: %w", err)
		}
		if !keep(id) {
			gone.Evidence = append(gone.Evidence, trafficEvidence{Mirror: id})
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("read evidence: %w", err)
	}
	return t.Save(ctx, gone)
}

// Activity returns of each variant with rows from since on when it last had which numbers.
func (t *Traffic) Activity(ctx context.Context, since time.Time) ([]trafficActivity, error) {
	rows, err := t.db.QueryContext(ctx, selectActivity, since.Unix())
	if err != nil {
		return nil, fmt.Errorf("read activity: %w", err)
	}
	defer rows.Close()
	var all []trafficActivity
	for rows.Next() {
		var a trafficActivity
		var at [5]sql.NullInt64
		if err := rows.Scan(&a.Endpoint, &a.Variant, &at[0], &at[1], &at[2], &at[3], &at[4]); err != nil {
			return nil, fmt.Errorf("read activity: %w", err)
		}
		for i, to := range []*time.Time{&a.Legs, &a.Latency, &a.Overhead, &a.Streams, &a.Usage} {
			if at[i].Valid {
				*to = time.Unix(at[i].Int64, 0).UTC()
			}
		}
		all = append(all, a)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read activity: %w", err)
	}
	return all, nil
}
