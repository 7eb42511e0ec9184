-- The first answer to each command that came with an Idempotency-Key.
CREATE SCHEMA IF NOT EXISTS chassis;

CREATE TABLE chassis.idempotency (
    scope          text        NOT NULL,
    key            text        NOT NULL,
    request_sha256 bytea       NOT NULL,
    status         smallint    NOT NULL CHECK (status BETWEEN 200 AND 299),
    headers        jsonb       NOT NULL,
    body           jsonb       NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (scope, key)
);

CREATE INDEX idempotency_created_at ON chassis.idempotency (created_at);
