-- How often decisions on a person's submissions changed and the person's revision did not, as by a duplicate that comes
-- or is voided: the second half of the person's entity tag.
ALTER TABLE enrollment.person ADD COLUMN changes_beside bigint NOT NULL DEFAULT 0;
