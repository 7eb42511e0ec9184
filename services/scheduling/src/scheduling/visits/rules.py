"""Which visits can be. Pure: no I/O, no clock; the time of the decision is passed in.

A visit is planned for a day, moved, cancelled or completed: each makes its next revision, and the last two are final.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from contracts.envelope import next_known_at
from scheduling.refusal import Refused
from scheduling.visits.constraints import Situation, choose
from scheduling.visits.model import Asked, Cause, Plan, PlannedVisit

OPENS: Final = time(8)
CLOSES: Final = time(14)


def schedule(visit_id: str, asked: Asked, situation: Situation, known_at: datetime) -> PlannedVisit:
    """Makes a new visit, revision 1. Raises Refused."""
    plan = _settle(visit_id, asked, situation)
    return PlannedVisit(situation.campaign.campaign, visit_id, 1, known_at.astimezone(UTC), "scheduled", plan)


def after(visit: PlannedVisit, changes: Mapping[str, Any], zone: str) -> Asked:
    """The visit's plan with the fields that change: another day keeps the hours on the campaign's clock."""
    plan, clock = visit.plan, ZoneInfo(zone)
    day = changes.get("day", plan.day)

    def moved(instant: datetime) -> datetime:
        return datetime.combine(day, instant.astimezone(clock).time(), clock)

    hours = {"starts_at": moved(plan.starts_at), "ends_at": moved(plan.ends_at)}
    return Asked(**{**asdict(plan), "sets": list(plan.sets), **hours, **changes})


def reschedule(visit: PlannedVisit, asked: Asked, situation: Situation, known_at: datetime) -> PlannedVisit:
    """Gives a visit another plan; the very same revision is returned when nothing changes. Raises Refused."""
    _still_open(visit)
    plan = _settle(visit.visit_id, asked, situation, visit.plan.sets)
    return visit if plan == visit.plan else _next(visit, "rescheduled", known_at, plan=plan)


def cancel(visit: PlannedVisit, reason: str, known_at: datetime) -> PlannedVisit:
    """Cancels a visit: its sets are free. Cancelled for the same reason already: unchanged. Raises Refused."""
    if visit.status == "cancelled" and visit.reason == reason:
        return visit
    _still_open(visit)
    return _next(visit, "cancelled", known_at, reason=reason)


def complete(visit: PlannedVisit, missed: Mapping[str, int] | None, zone: str, known_at: datetime) -> PlannedVisit:
    """Says that a visit took place, or corrects the counts. With the same counts already: unchanged. Raises Refused."""
    if visit.status == "completed" and visit.missed == missed:
        return visit
    if visit.status != "completed":
        _still_open(visit)
    if known_at.astimezone(ZoneInfo(zone)).date() < visit.plan.day:
        raise Refused(
            "not_yet", "The visit is on a later day: complete it on its day or after.", day=visit.plan.day.isoformat()
        )
    return _next(visit, "completed", known_at, missed=missed)


def asks_for(asked: Asked, plan: Plan, zone: str) -> bool:
    """Whether a plan is what was asked for: how a visit that is sent twice is recognised."""
    sets = asked.sets
    same_sets = len(plan.sets) == sets if isinstance(sets, int) else list(plan.sets) == sorted(sets)
    return same_sets and replace(plan, sets=()) == _without_sets(asked, ZoneInfo(zone))


def _next(
    visit: PlannedVisit,
    cause: Cause,
    known_at: datetime,
    *,
    plan: Plan | None = None,
    missed: Mapping[str, int] | None = None,
    reason: str | None = None,
) -> PlannedVisit:
    return replace(
        visit,
        revision=visit.revision + 1,
        known_at=next_known_at(known_at, visit.known_at),
        cause=cause,
        plan=plan or visit.plan,
        missed=missed,
        reason=reason,
        decided_by=None,
    )


def _still_open(visit: PlannedVisit) -> None:
    if visit.status != "scheduled":
        raise Refused(
            "closed",
            f"The visit is {visit.status} already, which is final. Schedule another one instead.",
            visit_status=visit.status,
            current=visit.revision,
        )


def _without_sets(asked: Asked, zone: ZoneInfo) -> Plan:
    """The plan that is asked for, before sets are chosen."""
    starts_at = asked.starts_at or datetime.combine(asked.day, OPENS, zone)
    ends_at = asked.ends_at or datetime.combine(asked.day, CLOSES, zone)
    hours = {"starts_at": starts_at.astimezone(UTC), "ends_at": ends_at.astimezone(UTC)}
    return Plan(**{**asdict(asked), **hours, "groups": tuple(asked.groups), "sets": ()})


def _settle(visit_id: str, asked: Asked, situation: Situation, own: Iterable[str] = ()) -> Plan:
    """The plan with its sets; `own` are preferred where a number was asked for. Raises Refused."""
    plan = _without_sets(asked, ZoneInfo(situation.campaign.zone))
    return replace(plan, sets=choose(asked.sets, visit_id, plan, own, situation))
