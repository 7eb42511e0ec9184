-- Everything of reporting's own is in the schema `reporting`; the small facts move into fact tables.
CREATE SCHEMA reporting;

-- The hash of the record's value tells whether the same revision came with other bytes; unknown for rows of before.
ALTER TABLE recording_version RENAME TO recording_revision;
ALTER TABLE recording_revision ADD COLUMN content_sha256 bytea;
ALTER TABLE submission_decision ADD COLUMN content_sha256 bytea;
ALTER TABLE recording_revision SET SCHEMA reporting;
ALTER TABLE recording_current SET SCHEMA reporting;
ALTER TABLE coverage_day SET SCHEMA reporting;
ALTER TABLE submission_decision SET SCHEMA reporting;
ALTER TABLE decision_count SET SCHEMA reporting;
ALTER TABLE campaign_change SET SCHEMA reporting;
ALTER TABLE progress_mark SET SCHEMA reporting;

SELECT exactly_once.create_fact_table('reporting.campaign_revision');
SELECT exactly_once.create_fact_table('reporting.school_revision');
SELECT exactly_once.create_fact_table('reporting.target_revision');
SELECT exactly_once.create_fact_table('reporting.statement_revision');
SELECT exactly_once.create_fact_table('reporting.visit_revision');

INSERT INTO reporting.campaign_revision (campaign, id, revision, known_at, type, data)
SELECT campaign, id, revision, known_at, 'jemputbola.campaign-opened.v1', jsonb_strip_nulls(data) FROM campaign_version;
INSERT INTO reporting.school_revision (campaign, id, revision, known_at, type, data)
SELECT campaign, id, revision, known_at, 'jemputbola.school-listed.v1', jsonb_strip_nulls(data) FROM school_version;
INSERT INTO reporting.target_revision (campaign, id, revision, known_at, type, data)
SELECT campaign, id, revision, known_at, 'jemputbola.target-updated.v1', jsonb_strip_nulls(data) FROM target_version;
INSERT INTO reporting.statement_revision (campaign, id, revision, known_at, type, data)
SELECT campaign, id, revision, known_at, 'jemputbola.figure-stated.v1', jsonb_strip_nulls(data) FROM statement_version;
-- Which event it was is not kept so far; scheduling says the same by status and revision.
INSERT INTO reporting.visit_revision (campaign, id, revision, known_at, type, data)
SELECT campaign, id, revision, known_at,
       CASE WHEN data ->> 'status' <> 'scheduled' THEN 'jemputbola.visit-' || (data ->> 'status') || '.v1'
            WHEN revision = 1 THEN 'jemputbola.visit-scheduled.v1'
            ELSE 'jemputbola.visit-rescheduled.v1' END,
       jsonb_strip_nulls(data)
  FROM visit_version;
DROP TABLE campaign_version, school_version, target_version, statement_version, visit_version;
