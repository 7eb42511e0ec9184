-- A device's numbers: which one came twice, for a counter's folder that was copied.
CREATE INDEX submission_device_seq ON enrollment.submission (device_id, device_seq);
