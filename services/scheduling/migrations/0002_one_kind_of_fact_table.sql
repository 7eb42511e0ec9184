-- Every kind of fact in the one kind of table, in the service's own schema; a row says what its event said.
SET LOCAL timezone = 'UTC';  -- instants are written as the events have them
CREATE SCHEMA scheduling;
ALTER TABLE campaign SET SCHEMA scheduling;

SELECT exactly_once.create_fact_table('scheduling.campaign_revision');
INSERT INTO scheduling.campaign_revision
SELECT campaign, campaign, revision, known_at, 'jemputbola.campaign-opened.v1', content_sha256, data FROM campaign_version;

SELECT exactly_once.create_fact_table('scheduling.school_revision');
INSERT INTO scheduling.school_revision
SELECT campaign, npsn, revision, known_at, 'jemputbola.school-listed.v1', content_sha256, data FROM school_version;

SELECT exactly_once.create_fact_table('scheduling.set_revision');
INSERT INTO scheduling.set_revision
SELECT campaign, set_id, revision, known_at, 'scheduling.set-put.v1', NULL, jsonb_strip_nulls(to_jsonb(set_version))
  FROM set_version;

SELECT exactly_once.create_fact_table('scheduling.visit_revision');
ALTER TABLE scheduling.visit_revision ADD COLUMN reason text;   -- why it was cancelled
INSERT INTO scheduling.visit_revision
SELECT campaign, visit_id::text, revision, known_at, 'jemputbola.visit-' || cause || '.v1', NULL,
       jsonb_strip_nulls(to_jsonb(visit_version) - ARRAY['cause', 'reason']), reason
  FROM visit_version;

DROP VIEW campaign_current, school_current, set_current, visit_current;
DROP TABLE campaign_version, school_version, set_version, visit_version;
DROP FUNCTION only_added();
