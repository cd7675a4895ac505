-- +goose Up

-- A leg may be compared in several mirrors. Their IDs stand in one column, with spaces between them, so that a leg is
-- still in one row; mirror_sets says which sets of several a mirror is in.
ALTER TABLE traffic RENAME COLUMN mirror TO mirrors;
CREATE TABLE mirror_sets (
    mirror  TEXT NOT NULL,
    mirrors TEXT NOT NULL,
    PRIMARY KEY (mirror, mirrors)
);
