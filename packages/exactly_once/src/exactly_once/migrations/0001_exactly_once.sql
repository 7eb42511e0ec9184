-- Positions, outbox and dead letters: what makes a batch happen exactly once.
CREATE SCHEMA exactly_once;

-- The only place that knows how far each partition has been applied. Kafka's committed offsets are not used.
CREATE TABLE exactly_once.position (
    topic         text   NOT NULL,
    partition     int    NOT NULL,
    next_offset   bigint NOT NULL DEFAULT 0 CHECK (next_offset >= 0),
    last_id       text,            -- id of the record at next_offset - 1, as far as one was applied
    last_offset   bigint,          -- its offset: smaller than next_offset - 1 where the log has gaps
    anchor_id     text,            -- a record that the guard has seen to be the same in the log and here
    anchor_offset bigint,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

-- Whoever moved a position by hand, and why.
CREATE TABLE exactly_once.position_decision (
    decided_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    topic       text        NOT NULL,
    partition   int         NOT NULL,
    from_offset bigint      NOT NULL,
    to_offset   bigint      NOT NULL,
    reason      text        NOT NULL
);

-- What is decided but not yet published; the relay deletes a row once the broker has it.
CREATE TABLE exactly_once.outbox (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic   text  NOT NULL,
    key     bytea NOT NULL,
    value   bytea NOT NULL,
    headers text  NOT NULL          -- a JSON object: every name occurs once
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE exactly_once.dead_letter (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic       text        NOT NULL,
    partition   int         NOT NULL,
    "offset"    bigint      NOT NULL,
    logged_at   timestamptz NOT NULL,   -- the broker's append time
    record_hash bytea       NOT NULL,   -- tells records at one position of two lives of a topic apart
    reason      text        NOT NULL,
    detail      text        NOT NULL,
    sealed      bytea       NOT NULL,   -- key, value and headers, encrypted: they may hold a NIK
    dead_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    status      text        NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'replayed', 'discarded')),
    closed_at   timestamptz,
    closed_why  text,
    UNIQUE (topic, partition, "offset", record_hash)
);
CREATE INDEX dead_letter_waiting ON exactly_once.dead_letter (id) WHERE status = 'waiting';

-- Up to these offsets bad records are let pass without counting as a flood: a person has looked.
CREATE TABLE exactly_once.flood_pass (
    topic        text        NOT NULL,
    partition    int         NOT NULL,
    until_offset bigint      NOT NULL,
    reason       text        NOT NULL,
    decided_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (topic, partition)
);
