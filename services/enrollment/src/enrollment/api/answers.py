"""What is answered where it is not an event itself, as JSON."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel

from contracts.decisions import Outcome
from contracts.schools import SchoolListed
from contracts.targets import FigureStated, TargetUpdated


class SchoolsAnswer(BaseModel):
    """The schools as they are now."""

    schools: list[SchoolListed]


class StatementsAnswer(BaseModel):
    """Every revision of every statement, as they became known."""

    statements: list[FigureStated]


class TargetsAnswer(BaseModel):
    """Every decision for every scope, as they became known."""

    targets: list[TargetUpdated]


class SubmissionAnswer(BaseModel):
    """What became of a submission."""

    submission_id: str
    outcome: Outcome
    reason: str | None = None
    person_id: str | None = None
    revision: int
    known_at: datetime


class PersonSubmission(BaseModel):
    """One of a person's submissions, with its last decision."""

    submission_id: str
    device_id: str
    device_seq: int
    outcome: Outcome
    reason: str | None = None
    revision: int
    known_at: datetime
    kind: str
    group: str | None = None
    domicile_regency: str | None = None
    session_id: str | None = None
    recorded_at: datetime
    recorded_on: date
    received_at: datetime


class PersonAnswer(BaseModel):
    """A person as published last, and all their submissions. Revision 0: no recording has ever counted."""

    campaign: str
    person_id: str
    revision: int
    known_at: datetime | None = None
    counts: bool
    cause: str | None = None
    group: str | None = None
    domicile_regency: str | None = None
    kind: str | None = None
    session_id: str | None = None
    recorded_at: datetime | None = None
    recorded_on: date | None = None
    received_at: datetime | None = None
    submission_id: str | None = None
    submissions: list[PersonSubmission]


class DeviceAnswer(BaseModel):
    """A device as it is registered."""

    device_id: str
    campaign: str
    kind: str
    place: str
    public_key: str


class SealingKey(BaseModel):
    """A key to seal to, as a JSON Web Key."""

    kid: str
    kty: Literal["OKP"] = "OKP"
    crv: Literal["X25519"] = "X25519"
    use: Literal["enc"] = "enc"
    x: str
    created_at: datetime


class KeySet(BaseModel):
    """The keys to seal to, the newest first: take that one."""

    keys: list[SealingKey]


class DeviceDecision(BaseModel):
    """A decision, as the device is told."""

    submission_id: str
    device_seq: int
    outcome: Outcome
    reason: str | None = None
    revision: int
    known_at: datetime


class DecisionsAnswer(BaseModel):
    """Decisions in their order; ask again with `after` = `next` for those that follow."""

    decisions: list[DeviceDecision]
    next: str


class DeadLetterAnswer(BaseModel):
    """A record that could not be taken, without the record."""

    id: int
    topic: str
    partition: int
    offset: int
    logged_at: datetime
    reason: str
    detail: str
    dead_at: datetime
    status: str
    closed_at: datetime | None = None
    closed_why: str | None = None


class DeadLettersAnswer(BaseModel):
    """Dead letters, the oldest first; ask again with `after` = `next` for more, null when there are none."""

    dead_letters: list[DeadLetterAnswer]
    next: int | None = None
