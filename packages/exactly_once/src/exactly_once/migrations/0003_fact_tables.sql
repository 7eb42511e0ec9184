-- One kind of table for every kind of fact: each revision of each, as it was published.
CREATE FUNCTION exactly_once.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    RAISE EXCEPTION '% is append-only', tg_table_name USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;

CREATE FUNCTION exactly_once.append_only(name regclass) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s
                    FOR EACH STATEMENT EXECUTE FUNCTION exactly_once.refuse_change()', name);
END
$$;

-- `id` is the aggregate's within its campaign, `data` the event. A hash is missing where a row is older than this column.
-- A noun's own columns are added behind it.
CREATE FUNCTION exactly_once.create_fact_table(name text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE format('CREATE TABLE %s (
        campaign       text COLLATE "C" NOT NULL,
        id             text COLLATE "C" NOT NULL,
        revision       int         NOT NULL CHECK (revision >= 1),
        known_at       timestamptz NOT NULL,
        type           text COLLATE "C" NOT NULL,
        content_sha256 bytea,
        data           jsonb       NOT NULL,
        PRIMARY KEY (campaign, id, revision))', name);
    PERFORM exactly_once.append_only(name::regclass);
END
$$;
