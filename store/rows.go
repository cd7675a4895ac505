package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gnomon"
)

// rows is one table inside one transaction. It remembers the version it read of each row, so that a row which was
// changed by another writer is not overwritten: on SQLite the transactions already run one by one, on a database
// with several writers this is what tells.
type rows[T any] struct {
	ctx      context.Context
	tx       *sql.Tx
	table    string
	index    func(*T) index
	key      func(name string) string
	versions map[string]int64
}

// index is what a document is found by.
type index struct {
	name, status, endpoint string
	holds                  sql.NullString
	created, modified      time.Time
}

func newRows[T any](ctx context.Context, tx *sql.Tx, table string, f func(*T) index) *rows[T] {
	return &rows[T]{ctx: ctx, tx: tx, table: table, index: f, key: func(s string) string { return s }, versions: make(map[string]int64)}
}

// foldNames makes names unique without regard to case.
func foldNames[T any](r *rows[T]) *rows[T] {
	r.key = strings.ToLower
	return r
}

func (r *rows[T]) Get(name string) (*T, error) {
	row := r.tx.QueryRowContext(r.ctx, `SELECT doc, version FROM `+r.table+` WHERE key = $1`, r.key(name))
	var doc string
	var version int64
	if err := row.Scan(&doc, &version); err != nil {
		return nil, notFound(err, r.table, name)
	}
	r.versions[r.key(name)] = version
	return decode[T](doc)
}

func (r *rows[T]) Insert(v *T) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("insert into %s: %w", r.table, err)
	}
	i := r.index(v)
	res, err := r.tx.ExecContext(r.ctx, `INSERT INTO `+r.table+` (key, name, status, endpoint, holds, created_at, modified_at, version, doc)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8) ON CONFLICT (key) DO NOTHING`,
		r.key(i.name), i.name, i.status, i.endpoint, i.holds, i.created.UnixMicro(), i.modified.UnixMicro(), string(doc))
	if err != nil {
		return fmt.Errorf("insert into %s: %w", r.table, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("insert into %s: %w", r.table, err)
	}
	if n == 0 {
		return gnomon.Errorf(gnomon.InUse, "%q is in %s already", i.name, r.table)
	}
	r.versions[r.key(i.name)] = 1
	return nil
}

func (r *rows[T]) Put(v *T) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("put into %s: %w", r.table, err)
	}
	i := r.index(v)
	read, ok := r.versions[r.key(i.name)]
	if !ok {
		return fmt.Errorf("put into %s: %q was not read in this transaction", r.table, i.name)
	}
	row := r.tx.QueryRowContext(r.ctx, `UPDATE `+r.table+`
		SET status = $1, endpoint = $2, holds = $3, created_at = $4, modified_at = $5, doc = $6, version = version + 1
		WHERE key = $7 AND version = $8 RETURNING version`,
		i.status, i.endpoint, i.holds, i.created.UnixMicro(), i.modified.UnixMicro(), string(doc), r.key(i.name), read)
	var version int64
	if err := row.Scan(&version); err != nil {
		return notFound(err, r.table, i.name)
	}
	r.versions[r.key(i.name)] = version
	return nil
}

func (r *rows[T]) Delete(name string) error {
	if _, err := r.tx.ExecContext(r.ctx, `DELETE FROM `+r.table+` WHERE key = $1`, r.key(name)); err != nil {
		return fmt.Errorf("delete %q from %s: %w", name, r.table, err)
	}
	return nil
}

func (r *rows[T]) List(q gnomon.Query) ([]*T, gnomon.Cursor, error) {
	s := selection(q)
	text := `SELECT name, ` + s.sort + `, version, doc FROM ` + r.table + s.text
	found, err := r.tx.QueryContext(r.ctx, text, s.args...)
	if err != nil {
		return nil, gnomon.Cursor{}, fmt.Errorf("list %s: %w", r.table, err)
	}
	defer found.Close()
	var page []*T
	var last gnomon.Cursor
	for found.Next() {
		if q.Limit > 0 && len(page) == q.Limit {
			return page, last, nil // one more than the page holds: there is a next one
		}
		var doc string
		var version int64
		if err := found.Scan(&last.Name, &last.Key, &version, &doc); err != nil {
			return nil, gnomon.Cursor{}, fmt.Errorf("list %s: %w", r.table, err)
		}
		r.versions[r.key(last.Name)] = version
		v, err := decode[T](doc)
		if err != nil {
			return nil, gnomon.Cursor{}, fmt.Errorf("list %s: %w", r.table, err)
		}
		page = append(page, v)
	}
	if err := found.Err(); err != nil {
		return nil, gnomon.Cursor{}, fmt.Errorf("list %s: %w", r.table, err)
	}
	return page, gnomon.Cursor{}, nil
}

func decode[T any](doc string) (*T, error) {
	v := new(T)
	if err := json.Unmarshal([]byte(doc), v); err != nil {
		return nil, fmt.Errorf("decode document: %w", err)
	}
	return v, nil
}

// A where gathers conditions and their arguments.
type where struct {
	sort string
	text string
	args []any
}

func (w *where) and(condition string, arg any) {
	w.args = append(w.args, arg)
	join := " AND "
	if len(w.args) == 1 {
		join = " WHERE "
	}
	w.text += join + strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(w.args)))
}

func selection(q gnomon.Query) where {
	w := where{sort: "name"}
	if q.NameContains != "" {
		w.and("lower(name) LIKE ?", "%"+strings.ToLower(q.NameContains)+"%") // names hold no wildcards
	}
	if q.Status != "" {
		w.and("status = ?", q.Status)
	}
	for _, s := range q.Except {
		w.and("status <> ?", s)
	}
	if q.Endpoint != "" {
		w.and("endpoint = ?", strings.ToLower(q.Endpoint))
	}
	for _, c := range []struct {
		condition string
		at        time.Time
	}{
		{"created_at > ?", q.CreatedAfter},
		{"created_at < ?", q.CreatedBefore},
		{"modified_at > ?", q.ModifiedAfter},
		{"modified_at < ?", q.ModifiedBefore},
	} {
		if !c.at.IsZero() {
			w.and(c.condition, c.at.UnixMicro())
		}
	}
	w.page(q)
	return w
}

// page orders the rows and begins after the cursor. Times are compared as numbers, so their cursor is one too.
func (w *where) page(q gnomon.Query) {
	switch q.Sort {
	case gnomon.ByCreated:
		w.sort = "created_at"
	case gnomon.ByStatus:
		w.sort = "status"
	}
	order, than := " ASC", ">"
	if q.Descending {
		order, than = " DESC", "<"
	}
	if q.After != (gnomon.Cursor{}) {
		var key any = q.After.Key
		if w.sort == "created_at" {
			n, err := strconv.ParseInt(q.After.Key, 10, 64)
			if err != nil {
				n = 0 // not a cursor of this order; it stands before everything
			}
			key = n
		}
		w.and("("+w.sort+", name) "+than+" (?, ", key)
		w.args = append(w.args, q.After.Name)
		w.text += "$" + strconv.Itoa(len(w.args)) + ")"
	}
	w.text += " ORDER BY " + w.sort + order + ", name" + order
	if q.Limit > 0 {
		w.args = append(w.args, q.Limit+1)
		w.text += " LIMIT $" + strconv.Itoa(len(w.args))
	}
}
