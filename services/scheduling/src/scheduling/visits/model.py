"""A visit, its plan, and what the `visits` topic says about it. Pure data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from contracts.narrowed import STORED
from contracts.visits import Visit, VisitCancelled, VisitCompleted, VisitRescheduled, VisitScheduled, VisitStatus

Cause = Literal["scheduled", "rescheduled", "cancelled", "completed"]

SCHOOL_VISIT: Final = "school_visit"  # the kind whose team travels to the schools; to all others people come

_EVENT: Final[Mapping[Cause, type[Visit]]] = {
    "scheduled": VisitScheduled,
    "rescheduled": VisitRescheduled,
    "cancelled": VisitCancelled,
    "completed": VisitCompleted,
}
_CAUSE: Final = {model: cause for cause, model in _EVENT.items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """Where which sets go, when, and for whom. Instants are UTC, `sets` are sorted."""

    kind: str
    place: str
    day: date
    starts_at: datetime
    ends_at: datetime
    sets: tuple[str, ...]
    groups: tuple[str, ...] = ()
    expected: int | None = None

    @property
    def schools(self) -> frozenset[str]:
        """The schools that the team travels to."""
        return frozenset(self.groups) if self.kind == SCHOOL_VISIT else frozenset()

    def overlaps(self, other: "Plan") -> bool:
        """Whether there is a moment at which both are under way; one may begin when the other ends."""
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One revision of a visit: its whole state after `cause`. `reason` is why it was cancelled."""

    campaign: str
    visit_id: str
    revision: int
    known_at: datetime
    cause: Cause
    plan: Plan
    missed: Mapping[str, int] | None = None
    reason: str | None = None
    decided_by: str | None = None

    @property
    def status(self) -> VisitStatus:
        return "scheduled" if self.cause == "rescheduled" else self.cause

    def named(self, **more: Any) -> dict[str, Any]:
        """How refusals name it, with `more` beside."""
        return {
            "visit_id": self.visit_id,
            "day": self.plan.day.isoformat(),
            "starts_at": self.plan.starts_at.isoformat(),
            "ends_at": self.plan.ends_at.isoformat(),
            "sets": list(self.plan.sets),
            **more,
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """A plan as a command asks for it: no time means the usual hours, a number of sets means whichever are free."""

    kind: str
    place: str
    day: date
    sets: list[str] | int
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    groups: Sequence[str] = ()
    expected: int | None = None


def event(visit: PlannedVisit) -> Visit:
    """What the `visits` topic says about this revision: the same for the same revision, whenever it is made."""
    said = {
        "campaign": visit.campaign,
        "visit_id": visit.visit_id,
        "revision": visit.revision,
        "known_at": visit.known_at,
        "decided_by": visit.decided_by,
        "status": visit.status,
        "missed": None if visit.missed is None else dict(visit.missed),
        **asdict(visit.plan),
    }
    return _EVENT[visit.cause].model_validate(said, context=STORED)


def planned(fact: Visit, reason: str | None) -> PlannedVisit:
    """The visit of which the event tells; `reason` is why it was cancelled."""
    plan = Plan(
        kind=fact.kind,
        place=fact.place,
        day=fact.day,
        starts_at=fact.starts_at,
        ends_at=fact.ends_at,
        sets=tuple(fact.sets),
        groups=tuple(fact.groups),
        expected=fact.expected,
    )
    cause = _CAUSE[type(fact)]
    return PlannedVisit(
        fact.campaign, fact.visit_id, fact.revision, fact.known_at, cause, plan, fact.missed, reason, fact.decided_by
    )
