-- What the relays say, each record for itself: everything known until `through` is on this partition before `end_offset`.
-- The table before kept one row for each end, and whatever it was told: its rows are not taken over, the relays tell anew
-- every second. It stays for the workers of before, and goes with a later release.
CREATE TABLE reporting.watermark_mark (
    topic       text   NOT NULL,
    partition   int    NOT NULL,
    told_offset bigint NOT NULL,        -- of the record on `progress`
    told_at     timestamptz NOT NULL,   -- when the broker got it
    end_offset  bigint NOT NULL,
    through     timestamptz NOT NULL,
    PRIMARY KEY (topic, partition, told_offset)
);
COMMENT ON TABLE reporting.progress_mark IS 'Of workers before 0004_marks.sql; to be dropped once none runs.';

-- What a worker sends for each recording. It never changes, so that the table may get a column, or lose one, while workers
-- of before and of after run: who needs more members makes another type.
CREATE TYPE reporting.recording_event AS (
    known_at         timestamptz,
    recorded_at      timestamptz,
    received_at      timestamptz,
    person_id        uuid,
    revision         int,
    recorded_on      date,
    counts           boolean,
    campaign         text COLLATE "C",
    "group"          text COLLATE "C",
    kind             text COLLATE "C",
    cause            text COLLATE "C",
    domicile_regency text COLLATE "C",
    session_id       uuid,
    content_sha256   bytea
);
