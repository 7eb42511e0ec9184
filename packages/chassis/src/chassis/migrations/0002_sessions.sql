-- Who is logged in to the pages, and who is on the way: a browser has the secret, the row its hash.
CREATE TABLE chassis.session (
    secret_sha256 bytea       PRIMARY KEY,
    caller        jsonb       NOT NULL,
    csrf          text        NOT NULL,
    seen_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at       timestamptz NOT NULL
);

CREATE INDEX session_ends_at ON chassis.session (ends_at);

CREATE TABLE chassis.login (
    state_sha256 bytea       PRIMARY KEY,
    verifier     text        NOT NULL,
    nonce        text        NOT NULL,
    back         text        NOT NULL,
    began_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX login_began_at ON chassis.login (began_at);
