-- Who writes: the name that this database's relay puts on every record. Another database has another.
CREATE TABLE exactly_once.writer (
    one   boolean     PRIMARY KEY DEFAULT true CHECK (one),
    name  text        NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp()   -- records of before have no name
);
INSERT INTO exactly_once.writer (name) VALUES (replace(gen_random_uuid()::text, '-', ''));

-- Records on topics that this service alone writes, of revisions that this database does not know.
CREATE TABLE exactly_once.unknown_record (
    topic        text        NOT NULL,
    partition    int         NOT NULL,
    "offset"     bigint      NOT NULL,
    logged_at    timestamptz NOT NULL,   -- the broker's append time
    by_stranger  boolean     NOT NULL,   -- no relay wrote it
    found_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    set_aside_at timestamptz,
    reason       text,
    PRIMARY KEY (topic, partition, "offset")
);
