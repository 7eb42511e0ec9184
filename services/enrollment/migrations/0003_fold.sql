-- What becomes of a person is found without reading all that was ever submitted of them: their submissions lie in the
-- order in which they would count, those that stand also by themselves. `voided` changes: it is the office's last word.
ALTER TABLE enrollment.person_submission
    ADD COLUMN recorded_at timestamptz,
    ADD COLUMN held        boolean,
    ADD COLUMN voided      boolean NOT NULL DEFAULT false;
DROP TRIGGER append_only ON enrollment.person_submission;
UPDATE enrollment.person_submission AS link
   SET recorded_at = submission.recorded_at, held = submission.held IS NOT NULL
  FROM enrollment.submission
 WHERE (submission.campaign, submission.submission_id) = (link.campaign, link.submission_id);
UPDATE enrollment.person_submission AS link
   SET voided = true
  FROM (SELECT DISTINCT ON (campaign, submission_id) campaign, submission_id, operation FROM enrollment.operation
         WHERE submission_id IS NOT NULL
         ORDER BY campaign, submission_id, number DESC) AS last
 WHERE (last.campaign, last.submission_id) = (link.campaign, link.submission_id) AND last.operation = 'void';
ALTER TABLE enrollment.person_submission
    ALTER COLUMN recorded_at SET NOT NULL,
    ALTER COLUMN held SET NOT NULL;
CREATE TRIGGER append_only
    BEFORE UPDATE OF campaign, submission_id, person_id, recorded_at, held OR DELETE OR TRUNCATE
    ON enrollment.person_submission FOR EACH STATEMENT EXECUTE FUNCTION enrollment.refuse_change();

DROP INDEX enrollment.person_submission_of;
CREATE INDEX person_submission_of
    ON enrollment.person_submission (campaign, person_id, recorded_at, submission_id);
CREATE INDEX person_submission_standing
    ON enrollment.person_submission (campaign, person_id, recorded_at, submission_id) WHERE NOT held AND NOT voided;
CREATE INDEX operation_reattributed
    ON enrollment.operation (campaign, person_id, number) WHERE operation = 'reattribute';

CREATE FUNCTION enrollment.say_voided() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE enrollment.person_submission SET voided = (NEW.operation = 'void')
     WHERE campaign = NEW.campaign AND submission_id = NEW.submission_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER say_voided AFTER INSERT ON enrollment.operation
    FOR EACH ROW WHEN (NEW.submission_id IS NOT NULL) EXECUTE FUNCTION enrollment.say_voided();

-- A worker of before this file, which may still run, names person and submission alone.
CREATE FUNCTION enrollment.complete_person_submission() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    SELECT submission.recorded_at, submission.held IS NOT NULL INTO NEW.recorded_at, NEW.held
      FROM enrollment.submission
     WHERE submission.campaign = NEW.campaign AND submission.submission_id = NEW.submission_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER complete BEFORE INSERT ON enrollment.person_submission
    FOR EACH ROW WHEN (NEW.recorded_at IS NULL) EXECUTE FUNCTION enrollment.complete_person_submission();
