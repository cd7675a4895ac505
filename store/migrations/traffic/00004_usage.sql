-- +goose Up

-- What is kept of a variant's instances; empty where nothing was. Rows about instances only have the counts {}.
ALTER TABLE traffic ADD COLUMN usage BYTEA NOT NULL DEFAULT '';
