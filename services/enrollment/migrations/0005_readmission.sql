-- Devices that were just registered: what was set aside for them is taken again, then the row goes.
CREATE TABLE enrollment.readmission (
    device_id text NOT NULL,
    campaign  text NOT NULL,
    PRIMARY KEY (device_id, campaign)
);

-- What counters sent before now was counted towards a flood, whoever had sent it.
UPDATE exactly_once.dead_letter SET counts = false WHERE topic = 'recording-submissions';
