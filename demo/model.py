"""What the replay is made of: persons, sittings, submissions, visits, corrections. Plain data, no behaviour."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Action = Literal["void", "restore", "reattribute"]


@dataclass(frozen=True, slots=True)
class School:
    """One of the 51 invented schools; `network` is `online`, `evening` (sends at the end of the day) or `none`."""

    npsn: str
    name: str
    school_kind: str
    ownership: Literal["public", "private"]
    kecamatan: str
    latitude: float
    longitude: float
    network: str
    target: int

    @property
    def group(self) -> str:
        return f"npsn:{self.npsn}"


@dataclass(frozen=True, slots=True)
class Statement:
    """A published figure with its source; `known_at` is when the office entered it."""

    statement_id: str
    label: str
    population: str
    measure: str
    value: int
    as_of: date
    stated_on: date
    stated_by: str
    source: str
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Target:
    """A decision of the office; `based_on` holds ids of statements."""

    scope: str
    value: int
    effective_from: date
    counting_from: date | None
    known_at: datetime
    based_on: tuple[str, ...]
    split: str
    reason: str


@dataclass(frozen=True, slots=True)
class Device:
    """One counter's device; it makes its own id. `foreign_key`: it seals to another server's key."""

    name: str
    kind: str
    place: str
    foreign_key: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """An invented first-time voter. The NIK begins with 357399, which no living person's can."""

    nik: str = field(repr=False)
    birth_date: date = field(repr=False)
    married: bool = field(default=False, repr=False)
    domicile: str = "35.73"


@dataclass(frozen=True, slots=True)
class Sitting:
    """Counters at work at one place for some hours: where and when recordings are taken."""

    kind: str
    place: str
    starts_at: datetime
    ends_at: datetime
    devices: tuple[str, ...]
    network: str = "online"
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """What a counter records of one person. `group` None is a walk-in; `replayed_at` is when it reaches the office."""

    submission_id: str
    device: str
    person: Person
    group: str | None
    kind: str
    place: str
    session_id: str | None
    recorded_at: datetime
    replayed_at: datetime
    family_card: bool = True
    birth_certificate: bool = True
    sent_twice: bool = False
    case: str = "plain"


@dataclass(frozen=True, slots=True)
class Correction:
    """An office command on the person of a submission: `void`, `restore` (that submission) or `reattribute`."""

    known_at: datetime
    action: Action
    submission_id: str
    reason: str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class VisitStep:
    """One command on a visit, as the coordinator gives it."""

    known_at: datetime
    action: Literal["schedule", "reschedule", "cancel", "complete"]
    visit_id: str
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class Visit:
    """A planned visit as it took place (`day`, `sets`), with the commands that led there."""

    visit_id: str
    groups: tuple[str, ...]
    day: date
    sets: tuple[str, ...]
    sitting: Sitting
    steps: tuple[VisitStep, ...]
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole replay."""

    devices: tuple[Device, ...]
    statements: tuple[Statement, ...]
    targets: tuple[Target, ...]
    visits: tuple[Visit, ...]
    submissions: tuple[Submission, ...]
    corrections: tuple[Correction, ...]
