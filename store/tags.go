package store

import (
	"context"
	"database/sql"
	"fmt"

	"gnomon"
)

type tagRows struct {
	ctx context.Context
	tx  *sql.Tx
}

func (t tagRows) Get(arn string) ([]gnomon.Tag, error) {
	found, err := t.tx.QueryContext(t.ctx, `SELECT key, value FROM tags WHERE arn = $1 ORDER BY key`, arn)
	if err != nil {
		return nil, fmt.Errorf("read tags of %s: %w", arn, err)
	}
	defer found.Close()
	var tags []gnomon.Tag
	for found.Next() {
		var tag gnomon.Tag
		if err := found.Scan(&tag.Key, &tag.Value); err != nil {
			return nil, fmt.Errorf("read tags of %s: %w", arn, err)
		}
		tags = append(tags, tag)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("read tags of %s: %w", arn, err)
	}
	return tags, nil
}

func (t tagRows) Set(arn string, tags []gnomon.Tag) error {
	if _, err := t.tx.ExecContext(t.ctx, `DELETE FROM tags WHERE arn = $1`, arn); err != nil {
		return fmt.Errorf("set tags of %s: %w", arn, err)
	}
	for _, tag := range tags {
		if _, err := t.tx.ExecContext(t.ctx, `INSERT INTO tags (arn, key, value) VALUES ($1, $2, $3)`, arn, tag.Key, tag.Value); err != nil {
			return fmt.Errorf("set tags of %s: %w", arn, err)
		}
	}
	return nil
}
