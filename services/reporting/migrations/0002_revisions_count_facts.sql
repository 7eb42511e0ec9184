-- A campaign's revision is how many revisions of facts were applied; before this it was in how many batches.
COMMENT ON TABLE campaign_change IS
    'How many revisions of each topic''s facts were applied; the sum is the campaign''s revision.';

WITH counted (campaign, topic, n) AS (
    SELECT campaign, 'recordings', count(*) FROM recording_version GROUP BY campaign
    UNION ALL
    SELECT campaign, 'submission-decisions', sum(revision) FROM submission_decision GROUP BY campaign
    UNION ALL
    SELECT campaign, 'schools', count(*)
      FROM (SELECT campaign FROM campaign_version UNION ALL SELECT campaign FROM school_version) AS each GROUP BY campaign
    UNION ALL
    SELECT campaign, 'targets', count(*)
      FROM (SELECT campaign FROM target_version UNION ALL SELECT campaign FROM statement_version) AS each
     GROUP BY campaign
    UNION ALL
    SELECT campaign, 'visits', count(*) FROM visit_version GROUP BY campaign)
UPDATE campaign_change AS change SET revision = counted.n
  FROM counted WHERE change.campaign = counted.campaign AND change.topic = counted.topic;
