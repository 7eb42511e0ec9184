"""Which visits can be. Pure: no I/O, no clock; the time of the decision is passed in.

A visit is planned for a day, moved, cancelled or completed: each makes its next revision, and the last two are final.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from contracts.envelope import next_known_at
from contracts.schools import CampaignOpened
from scheduling.refusal import Refused
from scheduling.sets.rules import choose
from scheduling.visits.model import SCHOOL_VISIT, Asked, Cause, Changes, Plan, Visit

OPENS: Final = time(8)
CLOSES: Final = time(14)


@dataclass(frozen=True, slots=True)
class Situation:
    """What a plan is judged against: the campaign, its sets (id: in service), the listed among the groups asked for,
    and the visits of the day."""

    campaign: CampaignOpened
    sets: Mapping[str, bool]
    listed: Collection[str]
    visits: Sequence[Visit]


def schedule(visit_id: str, asked: Asked, situation: Situation, known_at: datetime) -> Visit:
    """Makes a new visit, revision 1. Raises Refused."""
    plan = _settle(visit_id, asked, situation)
    return Visit(situation.campaign.campaign, visit_id, 1, known_at.astimezone(UTC), "scheduled", plan)


def after(visit: Visit, changes: Changes, zone: str) -> Asked:
    """What the changes ask for, the rest as it is: another day keeps the hours on the campaign's clock."""
    plan, clock = visit.plan, ZoneInfo(zone)
    day = changes.get("day", plan.day)

    def moved(instant: datetime) -> datetime:
        return datetime.combine(day, instant.astimezone(clock).time(), clock)

    return Asked(
        kind=changes.get("kind", plan.kind),
        place=changes.get("place", plan.place),
        day=day,
        sets=changes.get("sets", list(plan.sets)),
        starts_at=changes.get("starts_at", moved(plan.starts_at)),
        ends_at=changes.get("ends_at", moved(plan.ends_at)),
        groups=tuple(changes.get("groups", plan.groups)),
        expected=changes.get("expected", plan.expected),
    )


def reschedule(visit: Visit, asked: Asked, situation: Situation, known_at: datetime) -> Visit:
    """Gives a visit another plan; the very same revision is returned when nothing changes. Raises Refused."""
    _still_open(visit)
    plan = _settle(visit.visit_id, asked, situation, visit.plan.sets)
    return visit if plan == visit.plan else _next(visit, "rescheduled", known_at, plan=plan)


def cancel(visit: Visit, reason: str, known_at: datetime) -> Visit:
    """Cancels a visit: its sets are free. Cancelled for the same reason already: unchanged. Raises Refused."""
    if visit.status == "cancelled" and visit.reason == reason:
        return visit
    _still_open(visit)
    return _next(visit, "cancelled", known_at, reason=reason)


def complete(visit: Visit, missed: Mapping[str, int] | None, zone: str, known_at: datetime) -> Visit:
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
    visit: Visit,
    cause: Cause,
    known_at: datetime,
    *,
    plan: Plan | None = None,
    missed: Mapping[str, int] | None = None,
    reason: str | None = None,
) -> Visit:
    return replace(
        visit,
        revision=visit.revision + 1,
        known_at=next_known_at(known_at, visit.known_at),
        cause=cause,
        plan=plan or visit.plan,
        missed=missed,
        reason=reason,
    )


def _still_open(visit: Visit) -> None:
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
    return Plan(
        kind=asked.kind,
        place=asked.place,
        day=asked.day,
        starts_at=starts_at.astimezone(UTC),
        ends_at=ends_at.astimezone(UTC),
        sets=(),
        groups=asked.groups,
        expected=asked.expected,
    )


def _settle(visit_id: str, asked: Asked, situation: Situation, own: Iterable[str] = ()) -> Plan:
    """The plan with its sets; `own` are preferred where a number was asked for. Raises Refused."""
    _check_day(asked.day, situation.campaign)
    zone = ZoneInfo(situation.campaign.zone)
    plan = _without_sets(asked, zone)
    _check_hours(plan, zone)
    _check_groups(plan, situation.listed)
    beside = [v for v in situation.visits if v.visit_id != visit_id and v.plan.day == plan.day]
    return replace(plan, sets=choose(asked.sets, plan, own, situation.sets, beside))


def _check_day(day: date, campaign: CampaignOpened) -> None:
    if not campaign.opens_on <= day <= campaign.voting_day:
        raise Refused(
            "outside_campaign",
            f"The campaign runs from {campaign.opens_on} to {campaign.voting_day}: choose a day in it.",
            "#/day",
            opens_on=campaign.opens_on.isoformat(),
            voting_day=campaign.voting_day.isoformat(),
        )


def _check_hours(plan: Plan, zone: ZoneInfo) -> None:
    days = {"#/starts_at": plan.starts_at, "#/ends_at": plan.ends_at}
    wrong = [at for at, instant in days.items() if instant.astimezone(zone).date() != plan.day]
    if wrong:
        raise Refused(
            "not_on_day", f"A visit begins and ends on its day, by the clock of {zone.key}.", *wrong, zone=zone.key
        )
    if plan.starts_at >= plan.ends_at:
        raise Refused("not_in_order", "A visit begins before it ends.", "#/starts_at", "#/ends_at")


def _check_groups(plan: Plan, listed: Collection[str]) -> None:
    twice = [f"#/groups/{i}" for i, group in enumerate(plan.groups) if group in plan.groups[:i]]
    if twice:
        raise Refused("group_twice", "Each group is named once.", *twice)
    if plan.kind != SCHOOL_VISIT:
        return
    if not plan.groups:
        raise Refused("no_school", "A school visit names its schools, as `npsn:<npsn>`.", "#/groups")
    unlisted = [f"#/groups/{i}" for i, group in enumerate(plan.groups) if group not in listed]
    if unlisted:
        raise Refused(
            "school_not_listed",
            "A school visit goes to schools that enrollment has listed. One listed just now may still be on its way.",
            *unlisted,
        )
