-- What was done, by whom: rows are only ever added, and each has the hash of all before it.
CREATE TABLE chassis.audit (
    seq   bigint PRIMARY KEY,
    entry text   NOT NULL,
    hash  bytea  NOT NULL
);

-- The names behind the pseudonyms, which are all that events and the trail itself have.
CREATE TABLE chassis.decider (
    decided_by uuid PRIMARY KEY,
    name       text NOT NULL
);

CREATE FUNCTION chassis.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is only ever added to';
END
$$;

CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON chassis.audit
    FOR EACH ROW EXECUTE FUNCTION chassis.refuse_change();
CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON chassis.audit
    FOR EACH STATEMENT EXECUTE FUNCTION chassis.refuse_change();

-- One transaction after the other from here to its end: called last, so that none waits for another in a circle.
CREATE FUNCTION chassis.add_to_audit(entry text, decider uuid, decider_name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tail chassis.audit;
BEGIN
    IF decider IS NOT NULL THEN
        INSERT INTO chassis.decider AS known VALUES (decider, decider_name)
            ON CONFLICT (decided_by) DO UPDATE SET name = excluded.name WHERE known.name <> excluded.name;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('chassis.audit', 0));
    SELECT * INTO tail FROM chassis.audit ORDER BY seq DESC LIMIT 1;
    INSERT INTO chassis.audit VALUES (
        coalesce(tail.seq, 0) + 1, entry, sha256(coalesce(tail.hash, ''::bytea) || convert_to(entry, 'UTF8'))
    );
END
$$;
