-- What progress has promised, the instants of decisions, and the verdict on a flood.

-- Until when all that is known has been said to be published: written before it is said, and never taken back.
CREATE TABLE exactly_once.promise (
    one     boolean     PRIMARY KEY DEFAULT true CHECK (one),
    through timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);
INSERT INTO exactly_once.promise DEFAULT VALUES;

-- The instant of a decision that this transaction makes: by the clock, and after everything that was promised, even if
-- the clock has been set back. Until the transaction ends it holds back what may be promised: by an advisory lock whose
-- two numbers are an instant not later than the answer, as seconds since 2000 and microseconds. Every role can see
-- the locks of all others, unlike the begin of their transactions; and nothing else takes locks of two numbers here.
CREATE FUNCTION exactly_once.decide() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS
$$
DECLARE
    began timestamptz := clock_timestamp();
    micros bigint := (extract(epoch FROM began) - 946684800) * 1000000;
BEGIN
    PERFORM pg_advisory_xact_lock_shared((micros / 1000000)::int, (micros % 1000000)::int);
    -- A statement of its own: it sees what was promised before the lock was there to be seen.
    RETURN (SELECT greatest(began, clock_timestamp(), through + interval '1 microsecond') FROM exactly_once.promise);
END
$$;

-- Until when all that is known is visible to the next statement. Promised first, then compared with decisions under way:
-- one that began to look earlier is seen by its lock, one that looks later sees the promise.
CREATE FUNCTION exactly_once.known_through() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS
$$
DECLARE
    promised timestamptz;
BEGIN
    SELECT through INTO STRICT promised FROM exactly_once.promise;
    RETURN least(promised, (
        SELECT min(timestamptz '2000-01-01 00:00:00Z' + make_interval(secs => classid::bigint)
                   + objid::bigint * interval '1 microsecond') - interval '1 microsecond'
          FROM pg_locks
         WHERE locktype = 'advisory' AND objsubid = 2
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())));
END
$$;

-- Stands from a flood of bad records on until a person lets it pass: a restart alone does not go on.
CREATE TABLE exactly_once.flood (
    one     boolean     PRIMARY KEY DEFAULT true CHECK (one),
    verdict text        NOT NULL,
    found_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
