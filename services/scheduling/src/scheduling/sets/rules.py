"""Which recording sets can go. Pure: no I/O, no clock.

A set with its crew is a team: it is never at two visits at once, and goes to at most 3 schools a day.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from contracts.envelope import next_known_at
from scheduling.refusal import Refused
from scheduling.visits.model import Plan, Visit

SCHOOLS_A_DAY: Final = 3


@dataclass(frozen=True, slots=True)
class RecordingSet:
    """One revision of a set."""

    campaign: str
    set_id: str
    revision: int
    known_at: datetime
    label: str | None
    in_service: bool


def put(current: RecordingSet | None, asked: RecordingSet, coming: Sequence[Visit], zone: str) -> RecordingSet:
    """The set as asked for, at `asked.known_at`; the current revision when nothing changes.

    `coming` are visits that count on the set. Raises Refused when one of today or later would miss it.
    """
    today = asked.known_at.astimezone(ZoneInfo(zone)).date()
    if not asked.in_service and (needed := _from(today, coming)):
        raise Refused(
            "set_needed",
            "Coming visits count on this set: give them other sets or cancel them first.",
            visits=[_named(visit) for visit in needed],
        )
    if current is None:
        return replace(asked, revision=1, known_at=asked.known_at.astimezone(UTC))
    if (asked.label, asked.in_service) == (current.label, current.in_service):
        return current
    return replace(asked, revision=current.revision + 1, known_at=next_known_at(asked.known_at, current.known_at))


def choose(
    asked: list[str] | int, plan: Plan, own: Iterable[str], sets: Mapping[str, bool], beside: Sequence[Visit]
) -> tuple[str, ...]:
    """The sets that go, sorted: the ones asked for, or that many of the free ones, `own` first, then the lowest ids.

    `sets` says of each whether it is in service, `beside` are the other visits of the day. Raises Refused.
    """
    busy = [visit for visit in beside if visit.status != "cancelled"]
    if len(plan.schools) > SCHOOLS_A_DAY:
        raise Refused("too_many_schools", f"A team goes to at most {SCHOOLS_A_DAY} schools a day.", "#/groups")
    if isinstance(asked, int):
        return _free(asked, plan, frozenset(own), sets, busy)
    _check_known(asked, sets)
    if out := sorted(one for one in asked if not sets[one]):
        raise Refused("set_out_of_service", "Some of these sets are out of service: choose others.", sets=out)
    if clashes := [_named(visit, sets=taken) for visit in busy if (taken := _shared(asked, plan, visit))]:
        raise Refused("set_taken", "Some of these sets are at another visit at that time.", visits=clashes)
    if tired := {one: sorted(all_) for one in sorted(asked) if len(all_ := _schools(one, plan, busy)) > SCHOOLS_A_DAY}:
        raise Refused(
            "too_many_schools",
            f"A team goes to at most {SCHOOLS_A_DAY} schools a day; with this visit these would go to more.",
            teams=tired,
        )
    return tuple(sorted(asked))


def _free(
    wanted: int, plan: Plan, own: frozenset[str], sets: Mapping[str, bool], busy: Sequence[Visit]
) -> tuple[str, ...]:
    in_service = sorted(one for one, serves in sets.items() if serves)
    if wanted > len(in_service):
        raise Refused("more_sets_than_exist", "There are not that many sets in service.", in_service=in_service)
    taken = {one for visit in busy for one in _shared(in_service, plan, visit)}
    tired = {one for one in in_service if len(_schools(one, plan, busy)) > SCHOOLS_A_DAY}
    free = [one for one in in_service if one not in taken | tired]
    if wanted > len(free):
        raise Refused(
            "not_enough_free_sets",
            "Not that many sets are free: the others are at another visit at that time, or at enough schools that day.",
            free=free,
            visits=[_named(visit) for visit in busy if (taken | tired) & set(visit.plan.sets)],
        )
    return tuple(sorted(sorted(free, key=lambda one: one not in own)[:wanted]))


def _check_known(asked: list[str], sets: Mapping[str, bool]) -> None:
    if twice := [f"#/sets/{i}" for i, one in enumerate(asked) if one in asked[:i]]:
        raise Refused("set_twice", "Each set is named once.", *twice)
    if unknown := [f"#/sets/{i}" for i, one in enumerate(asked) if one not in sets]:
        raise Refused("unknown_set", "The campaign has no such set.", *unknown, known=sorted(sets))


def _shared(sets: Iterable[str], plan: Plan, visit: Visit) -> list[str]:
    """Those of the sets that are at the visit while the plan needs them."""
    return sorted(set(sets) & set(visit.plan.sets)) if plan.overlaps(visit.plan) else []


def _schools(one: str, plan: Plan, busy: Sequence[Visit]) -> set[str]:
    """The schools that a set would go to on the day."""
    return set(plan.schools).union(*(visit.plan.schools for visit in busy if one in visit.plan.sets))


def _from(today: date, visits: Sequence[Visit]) -> list[Visit]:
    return [visit for visit in visits if visit.status == "scheduled" and visit.plan.day >= today]


def _named(visit: Visit, **more: Any) -> dict[str, Any]:
    """A visit as refusals name it."""
    return {
        "visit_id": visit.visit_id,
        "day": visit.plan.day.isoformat(),
        "starts_at": visit.plan.starts_at.isoformat(),
        "ends_at": visit.plan.ends_at.isoformat(),
        "sets": list(visit.plan.sets),
        **more,
    }
