-- Every kind of fact in the one kind of table; a row says what its event said.
SET LOCAL timezone = 'UTC';  -- instants are written as the events have them
DO
$$
DECLARE
    old text;
    new text;
    id text;
    type text;
    beside text[];  -- columns that are no part of the event
BEGIN
    FOR old, new, id, type, beside IN VALUES
        ('campaign_revision', 'campaign_revision', 'campaign', '''jemputbola.campaign-opened.v1''', ARRAY[]::text[]),
        ('school_revision', 'school_revision', 'npsn', '''jemputbola.school-listed.v1''', ARRAY[]::text[]),
        ('statement_revision', 'statement_revision', 'statement_id', '''jemputbola.figure-stated.v1''', ARRAY[]::text[]),
        ('target_revision', 'target_revision', 'scope', '''jemputbola.target-updated.v1''', ARRAY[]::text[]),
        ('person_revision', 'person_revision', 'person_id', 'type', ARRAY['type', 'submission_id']),
        ('decision', 'submission_decision_revision', 'submission_id', '''jemputbola.submission-decided.v1''',
         ARRAY['device_position'])
    LOOP
        EXECUTE format('CREATE TEMPORARY TABLE before ON COMMIT DROP AS SELECT * FROM enrollment.%I', old);
        EXECUTE format('DROP TABLE enrollment.%I', old);
        PERFORM exactly_once.create_fact_table('enrollment.' || new);
        EXECUTE format('INSERT INTO enrollment.%I (campaign, id, revision, known_at, type, data)
                        SELECT campaign, %I::text, revision, known_at, %s, jsonb_strip_nulls(to_jsonb(before) - %L::text[])
                          FROM before', new, id, type, beside);
        IF old = 'person_revision' THEN
            ALTER TABLE enrollment.person_revision ADD COLUMN submission_id uuid;
            ALTER TABLE enrollment.person_revision DISABLE TRIGGER append_only;
            UPDATE enrollment.person_revision AS now SET submission_id = before.submission_id FROM before
             WHERE (now.campaign, now.id, now.revision) = (before.campaign, before.person_id::text, before.revision);
            ALTER TABLE enrollment.person_revision ENABLE TRIGGER append_only,
                ALTER COLUMN submission_id SET NOT NULL;
        ELSIF old = 'decision' THEN
            ALTER TABLE enrollment.submission_decision_revision
                ADD COLUMN device_id text, ADD COLUMN device_position bigint;
            ALTER TABLE enrollment.submission_decision_revision DISABLE TRIGGER append_only;
            UPDATE enrollment.submission_decision_revision AS now
               SET device_id = before.device_id, device_position = before.device_position FROM before
             WHERE (now.campaign, now.id, now.revision) = (before.campaign, before.submission_id::text, before.revision);
            ALTER TABLE enrollment.submission_decision_revision ENABLE TRIGGER append_only,
                ALTER COLUMN device_id SET NOT NULL, ALTER COLUMN device_position SET NOT NULL,
                ADD UNIQUE (device_id, device_position);
        END IF;
        DROP TABLE before;
    END LOOP;
END
$$;
