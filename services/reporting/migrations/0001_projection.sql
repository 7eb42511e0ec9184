-- The projection: every revision of every fact, the latest state of each person, and how many count on which day.
-- Names of campaigns, groups and kinds are compared byte by byte: COLLATE "C" is cheaper and the same everywhere.

-- How often the facts of a topic have changed a campaign; the sum is the campaign's revision. A row for each topic, since
-- one row for all would be locked in the middle of a batch of several topics, and two processes would wait in a circle.
CREATE TABLE campaign_change (
    campaign      text COLLATE "C" NOT NULL,
    topic         text COLLATE "C" NOT NULL,
    revision      bigint      NOT NULL,
    last_known_at timestamptz NOT NULL,      -- the greatest known_at applied so far
    PRIMARY KEY (campaign, topic)
) WITH (fillfactor = 50);

-- Every revision of every person, never updated: "as known at K" is answered from here.
CREATE TABLE recording_version (
    known_at         timestamptz NOT NULL,
    recorded_at      timestamptz NOT NULL,
    received_at      timestamptz NOT NULL,
    person_id        uuid        NOT NULL,
    revision         int         NOT NULL,
    recorded_on      date        NOT NULL,
    counts           boolean     NOT NULL,
    campaign         text COLLATE "C" NOT NULL,
    "group"          text COLLATE "C" NOT NULL,
    kind             text COLLATE "C" NOT NULL,
    cause            text COLLATE "C" NOT NULL,
    domicile_regency text COLLATE "C",
    session_id       uuid,
    PRIMARY KEY (campaign, person_id, revision)
);

-- The highest revision of each person: only what moves the day counts. Updated in place (HOT: no indexed column changes).
CREATE TABLE recording_current (
    person_id   uuid    NOT NULL,
    revision    int     NOT NULL,
    recorded_on date    NOT NULL,
    counts      boolean NOT NULL,
    campaign    text COLLATE "C" NOT NULL,
    "group"     text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    domicile    text COLLATE "C" NOT NULL,   -- '' where unknown
    PRIMARY KEY (campaign, person_id)
) WITH (fillfactor = 70);

-- The live answer: how many persons count, moved by exact differences. Rows whose n has come back to 0 stay.
CREATE TABLE coverage_day (
    recorded_on date   NOT NULL,
    campaign    text COLLATE "C" NOT NULL,
    "group"     text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    domicile    text COLLATE "C" NOT NULL,
    n           bigint NOT NULL,
    PRIMARY KEY (campaign, recorded_on, "group", kind, domicile)   -- the day first: cheap to compare, and finds the last
) WITH (fillfactor = 50);

-- The latest decision about each submission, and how many there are of each sort.
CREATE TABLE submission_decision (
    submission_id uuid NOT NULL,
    revision      int  NOT NULL,
    campaign      text COLLATE "C" NOT NULL,
    outcome       text COLLATE "C" NOT NULL,
    reason        text COLLATE "C" NOT NULL,   -- '' where none is given
    PRIMARY KEY (campaign, submission_id)
) WITH (fillfactor = 70);

CREATE TABLE decision_count (
    campaign text COLLATE "C" NOT NULL,
    outcome  text COLLATE "C" NOT NULL,
    reason   text COLLATE "C" NOT NULL,
    n        bigint NOT NULL,
    PRIMARY KEY (campaign, outcome, reason)
) WITH (fillfactor = 50);

-- The small facts: every revision as it came. `id` is the aggregate's within its campaign.
CREATE TABLE campaign_version (
    campaign text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, revision int NOT NULL,
    known_at timestamptz NOT NULL, data jsonb NOT NULL, PRIMARY KEY (campaign, id, revision));
CREATE TABLE school_version (LIKE campaign_version INCLUDING ALL);
CREATE TABLE target_version (LIKE campaign_version INCLUDING ALL);
CREATE TABLE statement_version (LIKE campaign_version INCLUDING ALL);
CREATE TABLE visit_version (LIKE campaign_version INCLUDING ALL);

-- What the relays say: everything known until `through` is on this partition before `end_offset`.
CREATE TABLE progress_mark (
    topic      text   NOT NULL,
    partition  int    NOT NULL,
    end_offset bigint NOT NULL,
    through    timestamptz NOT NULL,
    PRIMARY KEY (topic, partition, end_offset)
);
