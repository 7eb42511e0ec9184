-- One-time codes with which a device may register itself: whoever reads the table cannot use them.
CREATE TABLE enrollment.enrolment_code (
    code_sha256 bytea       PRIMARY KEY,
    campaign    text        NOT NULL,
    ends_at     timestamptz NOT NULL,
    device_id   text
);

COMMENT ON COLUMN enrollment.enrolment_code.device_id IS 'Of the device that used it; null while nobody has.';
