-- Where a device's clock was set back: its numbers rise while `recorded_at` falls. NULL: sent before devices told whether
-- a recording was imported.
ALTER TABLE enrollment.submission ADD COLUMN imported boolean;
-- The same index with what the question reads: one more would cost every submission.
DROP INDEX enrollment.submission_device_seq;
CREATE INDEX submission_device_seq
    ON enrollment.submission (device_id, device_seq) INCLUDE (recorded_at, imported);
