-- What the `schools` topic said, the recording sets, and every revision of every visit.
-- Rows are only ever added: the state of a thing is its highest revision, and the views *_current show it.

CREATE FUNCTION only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% keeps every revision: rows are only added', TG_TABLE_NAME;
END $$;

-- One row for each campaign, from its first event on: what a command locks, so that two never plan at once.
CREATE TABLE campaign (
    campaign text PRIMARY KEY
);

CREATE TABLE campaign_version (
    campaign       text        NOT NULL REFERENCES campaign,
    revision       int         NOT NULL CHECK (revision >= 1),
    known_at       timestamptz NOT NULL,
    content_sha256 bytea       NOT NULL,     -- of the record's value: the same revision never says anything else
    data           jsonb       NOT NULL,     -- the whole event
    PRIMARY KEY (campaign, revision)
);

CREATE TABLE school_version (
    campaign       text        NOT NULL,     -- may arrive before its campaign does
    npsn           text        NOT NULL,
    revision       int         NOT NULL CHECK (revision >= 1),
    known_at       timestamptz NOT NULL,
    content_sha256 bytea       NOT NULL,
    data           jsonb       NOT NULL,
    PRIMARY KEY (campaign, npsn, revision)
);

CREATE TABLE set_version (
    campaign   text        NOT NULL REFERENCES campaign,
    set_id     text        NOT NULL,
    revision   int         NOT NULL CHECK (revision >= 1),
    known_at   timestamptz NOT NULL,
    label      text,
    in_service boolean     NOT NULL,
    PRIMARY KEY (campaign, set_id, revision)
);

CREATE TABLE visit_version (
    campaign  text        NOT NULL REFERENCES campaign,
    visit_id  uuid        NOT NULL,
    revision  int         NOT NULL CHECK (revision >= 1),
    known_at  timestamptz NOT NULL,
    cause     text        NOT NULL CHECK (cause IN ('scheduled', 'rescheduled', 'cancelled', 'completed')),
    status    text        NOT NULL CHECK (status IN ('scheduled', 'cancelled', 'completed')),
    kind      text        NOT NULL,
    place     text        NOT NULL,
    day       date        NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL CHECK (ends_at > starts_at),
    sets      text[]      NOT NULL,
    groups    text[]      NOT NULL,
    expected  int,
    missed    jsonb,
    reason    text,                          -- why it was cancelled
    PRIMARY KEY (campaign, visit_id, revision)
);

CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON campaign_version EXECUTE FUNCTION only_added();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON school_version EXECUTE FUNCTION only_added();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON set_version EXECUTE FUNCTION only_added();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON visit_version EXECUTE FUNCTION only_added();

-- The columns of a view are fixed when it is made: a migration that adds a column makes its view again.
CREATE VIEW campaign_current AS
    SELECT DISTINCT ON (campaign) * FROM campaign_version ORDER BY campaign, revision DESC;
CREATE VIEW school_current AS
    SELECT DISTINCT ON (campaign, npsn) * FROM school_version ORDER BY campaign, npsn, revision DESC;
CREATE VIEW set_current AS
    SELECT DISTINCT ON (campaign, set_id) * FROM set_version ORDER BY campaign, set_id, revision DESC;
CREATE VIEW visit_current AS
    SELECT DISTINCT ON (campaign, visit_id) * FROM visit_version ORDER BY campaign, visit_id, revision DESC;
