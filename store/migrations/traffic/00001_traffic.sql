-- +goose Up

-- What one writer counted for a series in a span of time. start_at is in Unix seconds, span in seconds.
CREATE TABLE traffic (
    endpoint_id TEXT NOT NULL,
    endpoint    TEXT NOT NULL,
    variant     TEXT NOT NULL,
    mirror      TEXT NOT NULL,
    start_at    BIGINT NOT NULL,
    span        BIGINT NOT NULL,
    writer      TEXT NOT NULL,
    counts      TEXT NOT NULL,
    latency     BYTEA NOT NULL,
    overhead    BYTEA NOT NULL,
    PRIMARY KEY (endpoint, variant, start_at, span, mirror, endpoint_id, writer)
);

-- Reports ask for a mirror, retention for an age.
CREATE INDEX traffic_by_mirror ON traffic (mirror, start_at) WHERE mirror <> '';
CREATE INDEX traffic_by_age ON traffic (span, start_at);

-- What one writer counted for a mirror. ended is a JSON object of buckets.
CREATE TABLE accounts (
    mirror   TEXT NOT NULL,
    writer   TEXT NOT NULL,
    requests BIGINT NOT NULL,
    ended    TEXT NOT NULL,
    final    BIGINT NOT NULL,
    PRIMARY KEY (mirror, writer)
);
