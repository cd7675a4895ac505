-- +goose Up
-- One table per kind of resource. doc is the resource as JSON; the other columns are what lists and rules ask for.
-- key is the name folded to lower case where names are unique without regard to it, and the name itself elsewhere.
CREATE TABLE models (
    key         TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    status      TEXT NOT NULL,
    endpoint    TEXT NOT NULL,
    holds       TEXT UNIQUE,
    created_at  BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    doc         TEXT NOT NULL
);
CREATE TABLE endpoint_configs (
    key         TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    status      TEXT NOT NULL,
    endpoint    TEXT NOT NULL,
    holds       TEXT UNIQUE,
    created_at  BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    doc         TEXT NOT NULL
);
CREATE TABLE endpoints (
    key         TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    status      TEXT NOT NULL,
    endpoint    TEXT NOT NULL,
    holds       TEXT UNIQUE,
    created_at  BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    doc         TEXT NOT NULL
);
-- holds names the endpoint an experiment lies over: no two experiments hold one endpoint.
CREATE TABLE experiments (
    key         TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    status      TEXT NOT NULL,
    endpoint    TEXT NOT NULL,
    holds       TEXT UNIQUE,
    created_at  BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    doc         TEXT NOT NULL
);
CREATE INDEX experiments_endpoint ON experiments (endpoint);
CREATE TABLE tags (
    arn   TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (arn, key)
);
