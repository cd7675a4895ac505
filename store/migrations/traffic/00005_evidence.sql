-- +goose Up
CREATE TABLE evidence (
    mirror TEXT NOT NULL PRIMARY KEY,
    state  TEXT NOT NULL
);

-- +goose Down
DROP TABLE evidence;
