-- +goose Up

-- What is kept of a variant's instances: how many there were, and what they used; empty where that is not known. Rows about
-- instances only have the counts {}.
ALTER TABLE traffic ADD COLUMN instances BYTEA NOT NULL DEFAULT '';
ALTER TABLE traffic ADD COLUMN usage BYTEA NOT NULL DEFAULT '';
