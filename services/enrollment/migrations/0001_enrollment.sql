-- Who counts, and everything that was ever said about it.
CREATE SCHEMA enrollment;

-- Truth is only ever added to: every table below that is not named in a comment as changing refuses anything else.
CREATE FUNCTION enrollment.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    RAISE EXCEPTION '% is append-only', tg_table_name USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;

-- Campaigns, schools, targets and statements: every revision, columns named as the fields of the events.

CREATE TABLE enrollment.campaign_revision (
    campaign    text        NOT NULL,
    revision    int         NOT NULL,
    known_at    timestamptz NOT NULL,
    name        text        NOT NULL,
    region_code text        NOT NULL,
    zone        text        NOT NULL,
    opens_on    date        NOT NULL,
    voting_day  date        NOT NULL,
    clock       text        NOT NULL CHECK (clock IN ('live', 'replay')),
    kinds       text[]      NOT NULL,
    PRIMARY KEY (campaign, revision)
);

CREATE TABLE enrollment.school_revision (
    campaign    text        NOT NULL,
    npsn        text        NOT NULL,
    revision    int         NOT NULL,
    known_at    timestamptz NOT NULL,
    name        text        NOT NULL,
    school_kind text        NOT NULL,
    ownership   text        NOT NULL,
    kecamatan   text        NOT NULL,
    latitude    double precision,
    longitude   double precision,
    invented    boolean     NOT NULL,
    PRIMARY KEY (campaign, npsn, revision)
);

CREATE TABLE enrollment.statement_revision (
    campaign     text        NOT NULL,
    statement_id uuid        NOT NULL,
    revision     int         NOT NULL,
    known_at     timestamptz NOT NULL,
    scope        text        NOT NULL,
    population   text        NOT NULL,
    measure      text        NOT NULL,
    value        int         NOT NULL,
    as_of        date        NOT NULL,
    stated_on    date        NOT NULL,
    stated_by    text        NOT NULL,
    source       text        NOT NULL,
    supersedes   uuid[]      NOT NULL,
    withdrawn    boolean     NOT NULL,
    PRIMARY KEY (campaign, statement_id, revision)
);

CREATE TABLE enrollment.target_revision (
    campaign       text        NOT NULL,
    scope          text        NOT NULL,
    revision       int         NOT NULL,
    known_at       timestamptz NOT NULL,
    value          int         NOT NULL,
    effective_from date        NOT NULL,
    counting_from  date,
    based_on       uuid[]      NOT NULL,
    split          text        NOT NULL,
    reason         text        NOT NULL,
    withdrawn      boolean     NOT NULL,
    PRIMARY KEY (campaign, scope, revision)
);

-- The keys that counters seal to. The private ones are sealed by the master key.
CREATE TABLE enrollment.sealing_key (
    kid            text        PRIMARY KEY,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    public_key     bytea       NOT NULL CHECK (length(public_key) = 32),
    private_sealed bytea       NOT NULL
);

-- Devices. `last_position` changes: it numbers what a device is told, and its row lock makes the numbers appear in order.
CREATE TABLE enrollment.device (
    device_id     text        PRIMARY KEY,
    public_key    bytea       NOT NULL CHECK (length(public_key) = 32),
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_position bigint      NOT NULL DEFAULT 0
);

-- Where a device works; changes when the office registers it again with another kind or place.
CREATE TABLE enrollment.device_campaign (
    device_id     text        NOT NULL REFERENCES enrollment.device,
    campaign      text        NOT NULL,
    kind          text        NOT NULL,
    place         text        NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (device_id, campaign)
);

-- What counters said. Never who it was: that is with the citizen.
CREATE TABLE enrollment.submission (
    campaign          text        NOT NULL,
    submission_id     uuid        NOT NULL,
    content_sha256    bytea       NOT NULL,   -- of the record's exact value, which the device signed
    device_id         text        NOT NULL,
    device_seq        bigint      NOT NULL,
    kind              text        NOT NULL,
    place             text        NOT NULL,
    session_id        uuid,
    "group"           text,
    domicile_regency  text,
    family_card       boolean     NOT NULL,
    birth_certificate boolean     NOT NULL,
    kid               text        NOT NULL,
    recorded_at       timestamptz NOT NULL,
    recorded_on       date        NOT NULL,   -- in the campaign's zone
    received_at       timestamptz NOT NULL,
    refused           text,                   -- why it names nobody: unknown_key, cannot_open, malformed_…
    held              text,                   -- why it does not count, by the rules of the day it came
    birth_date_agrees boolean,                -- NIK and stated birth date; a difference is for review only
    PRIMARY KEY (campaign, submission_id)
);

CREATE TABLE enrollment.session_closed (
    campaign    text        NOT NULL,
    session_id  uuid        NOT NULL,
    device_id   text        NOT NULL,
    device_seq  bigint      NOT NULL,
    kind        text        NOT NULL,
    place       text        NOT NULL,
    closed_at   timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    submissions int         NOT NULL,
    PRIMARY KEY (campaign, session_id, device_id, device_seq)
);

-- The only place that leads from a NIK to a person. Erasure deletes the row; the figures stay.
CREATE TABLE enrollment.citizen (
    campaign          text  NOT NULL,
    nik_hmac          bytea NOT NULL CHECK (length(nik_hmac) = 32),
    person_id         uuid  NOT NULL,
    nik_sealed        bytea NOT NULL,
    birth_date_sealed bytea NOT NULL,
    PRIMARY KEY (campaign, nik_hmac),
    UNIQUE (campaign, person_id)
);

-- The row that is locked whenever something of a person changes.
CREATE TABLE enrollment.person (
    campaign  text NOT NULL,
    person_id uuid NOT NULL,
    PRIMARY KEY (campaign, person_id)
);

CREATE TABLE enrollment.person_submission (
    campaign      text NOT NULL,
    submission_id uuid NOT NULL,
    person_id     uuid NOT NULL,
    PRIMARY KEY (campaign, submission_id)
);
CREATE INDEX person_submission_of ON enrollment.person_submission (campaign, person_id);

-- What the office did to a person's recordings. `number` is 1, 2, 3… per person: the last word holds.
CREATE TABLE enrollment.operation (
    campaign      text        NOT NULL,
    person_id     uuid        NOT NULL,
    number        int         NOT NULL,
    operation     text        NOT NULL CHECK (operation IN ('void', 'restore', 'reattribute')),
    submission_id uuid        CHECK ((submission_id IS NULL) = (operation = 'reattribute')),
    "group"       text        CHECK (("group" IS NULL) = (operation <> 'reattribute')),
    reason        text        NOT NULL,
    known_at      timestamptz NOT NULL,
    PRIMARY KEY (campaign, person_id, number)
);

-- Every revision of a person's state: what the topic `recordings` says, and which submission it comes from.
CREATE TABLE enrollment.person_revision (
    campaign         text        NOT NULL,
    person_id        uuid        NOT NULL,
    revision         int         NOT NULL,
    known_at         timestamptz NOT NULL,
    type             text        NOT NULL,
    cause            text        NOT NULL,
    counts           boolean     NOT NULL,
    "group"          text        NOT NULL,
    domicile_regency text,
    kind             text        NOT NULL,
    session_id       uuid,
    recorded_at      timestamptz NOT NULL,
    recorded_on      date        NOT NULL,
    received_at      timestamptz NOT NULL,
    submission_id    uuid        NOT NULL,
    PRIMARY KEY (campaign, person_id, revision)
);

-- Every revision of a submission's decision: what the topic `submission-decisions` says, and where the device reads it.
CREATE TABLE enrollment.decision (
    campaign        text        NOT NULL,
    submission_id   uuid        NOT NULL,
    revision        int         NOT NULL,
    known_at        timestamptz NOT NULL,
    device_id       text        NOT NULL,
    device_seq      bigint      NOT NULL,
    outcome         text        NOT NULL,
    reason          text,
    device_position bigint      NOT NULL,
    PRIMARY KEY (campaign, submission_id, revision),
    UNIQUE (device_id, device_position)
);

DO
$$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY ['campaign_revision', 'school_revision', 'statement_revision', 'target_revision',
        'submission', 'session_closed', 'person_submission', 'operation', 'person_revision', 'decision']
    LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON enrollment.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION enrollment.refuse_change()', name);
    END LOOP;
END
$$;
