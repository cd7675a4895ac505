-- +goose Up

-- What is kept of streamed answers; empty where there were none.
ALTER TABLE traffic ADD COLUMN streams BYTEA NOT NULL DEFAULT '';
