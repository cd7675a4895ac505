// Package store keeps Gnomon's state in SQL.
//
// [DB] holds the control state: what was asked for and how far it has got. [Traffic] holds the numbers of what
// happened, in a file of its own, since losing the last seconds of them is acceptable and losing a request to stop an
// experiment is not. The SQL is one text that SQLite and PostgreSQL both understand.
//
// The package knows resources as documents with a name, a status and times. What they mean is decided elsewhere.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"gnomon"
)

//go:embed migrations/control/*.sql
var controlMigrations embed.FS

// A DB is the control state.
type DB struct {
	db *sql.DB
}

// Open opens the control database in the SQLite file at path, which it makes if need be. A file of a newer version is
// refused with [ErrNewer].
func Open(ctx context.Context, path string) (*DB, error) {
	sub, err := fs.Sub(controlMigrations, "migrations/control")
	if err != nil {
		return nil, fmt.Errorf("open control database: %w", err)
	}
	db, err := open(ctx, path, "FULL", sub)
	if err != nil {
		return nil, err
	}
	return &DB{db: db}, nil
}

// Close closes the database.
func (d *DB) Close() error { return d.db.Close() }

// Do runs f in one transaction, which is kept if f returns nil and undone otherwise. Transactions run one after the
// other, so what f reads does not change under it. f may be run again and must have no effect outside the transaction.
func (d *DB) Do(ctx context.Context, f func(*gnomon.Tx) error) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer tx.Rollback() // after a commit this does nothing
	if err := f(transaction(ctx, tx)); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

func transaction(ctx context.Context, tx *sql.Tx) *gnomon.Tx {
	return &gnomon.Tx{
		Models: newRows(ctx, tx, "models", func(m *gnomon.Model) index {
			return index{name: string(m.Name), created: m.CreatedAt, modified: m.CreatedAt}
		}),
		EndpointConfigs: newRows(ctx, tx, "endpoint_configs", func(c *gnomon.EndpointConfig) index {
			return index{name: string(c.Name), created: c.CreatedAt, modified: c.CreatedAt}
		}),
		Endpoints: foldNames(newRows(ctx, tx, "endpoints", func(e *gnomon.Endpoint) index {
			return index{name: string(e.Name), status: string(e.Status), created: e.CreatedAt, modified: e.ModifiedAt}
		})),
		Experiments: newRows(ctx, tx, "experiments", func(x *gnomon.Experiment) index {
			i := index{name: string(x.Name), status: string(x.Status), endpoint: strings.ToLower(string(x.Endpoint)), created: x.CreatedAt, modified: x.ModifiedAt}
			if x.Overlay != nil {
				i.holds = sql.NullString{String: strings.ToLower(string(x.Endpoint)), Valid: true}
			}
			return i
		}),
		Tags: tagRows{ctx: ctx, tx: tx},
	}
}

// notFound turns an empty result into the domain's error.
func notFound(err error, table, name string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return &gnomon.Error{Code: gnomon.NotFound, Message: fmt.Sprintf("no %q in %s", name, table)}
	}
	return fmt.Errorf("read %q from %s: %w", name, table, err)
}
