-- Bad records of senders that are not certain: so many are kept, the others are counted. And where a flood is.

-- What a record says of itself, as far as it may be shown.
ALTER TABLE exactly_once.dead_letter
    ADD COLUMN campaign      text,
    ADD COLUMN device_id     text,
    ADD COLUMN submission_id text,
    ADD COLUMN counts        boolean NOT NULL DEFAULT true;  -- towards a flood; of the others only so many are kept
CREATE INDEX dead_letter_of_device ON exactly_once.dead_letter (topic, coalesce(device_id, ''), counts) WHERE status = 'waiting';

-- Records that were set aside and not kept: they are on the topic, between these offsets, as long as it keeps them.
CREATE TABLE exactly_once.overflow (
    topic        text   NOT NULL,
    partition    int    NOT NULL,
    device_id    text   NOT NULL,  -- of who says so; '' stands for many
    first_offset bigint NOT NULL,
    last_offset  bigint NOT NULL,
    records      bigint NOT NULL,
    PRIMARY KEY (topic, partition, device_id)
) WITH (fillfactor = 50);

-- Whoever decided that records which were not kept are junk, and why.
CREATE TABLE exactly_once.overflow_decision (
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    topic      text        NOT NULL,
    records    bigint      NOT NULL,
    reason     text        NOT NULL
);

-- A verdict of before has no place.
ALTER TABLE exactly_once.flood ADD COLUMN topic text, ADD COLUMN partition int;
