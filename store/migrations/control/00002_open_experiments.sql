-- +goose Up
-- Most questions are about the experiments of an endpoint that have not ended. They are few, the ended ones are not.
DROP INDEX experiments_endpoint;
CREATE INDEX experiments_endpoint ON experiments (endpoint, status);
