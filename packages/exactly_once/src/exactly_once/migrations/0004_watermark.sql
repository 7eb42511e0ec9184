-- The field's word: until when all that is known has been told to be published is a watermark.
ALTER TABLE exactly_once.promise RENAME TO watermark;

-- As before, by that name.
CREATE OR REPLACE FUNCTION exactly_once.decide() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS
$$
DECLARE
    began timestamptz := clock_timestamp();
    micros bigint := (extract(epoch FROM began) - 946684800) * 1000000;
BEGIN
    PERFORM pg_advisory_xact_lock_shared((micros / 1000000)::int, (micros % 1000000)::int);
    -- A statement of its own: it sees the watermark of before the lock was there to be seen.
    RETURN (SELECT greatest(began, clock_timestamp(), through + interval '1 microsecond') FROM exactly_once.watermark);
END
$$;

CREATE OR REPLACE FUNCTION exactly_once.known_through() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS
$$
DECLARE
    mark timestamptz;
BEGIN
    SELECT through INTO STRICT mark FROM exactly_once.watermark;
    RETURN least(mark, (
        SELECT min(timestamptz '2000-01-01 00:00:00Z' + make_interval(secs => classid::bigint)
                   + objid::bigint * interval '1 microsecond') - interval '1 microsecond'
          FROM pg_locks
         WHERE locktype = 'advisory' AND objsubid = 2
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())));
END
$$;
