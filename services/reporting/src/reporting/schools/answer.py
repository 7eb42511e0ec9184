"""Puts the answers about schools together."""

from collections.abc import Iterable, Mapping
from typing import Any

from exactly_once import Connection
from reporting.coverage.answer import coverage
from reporting.coverage.model import GroupRow
from reporting.coverage.rules import line
from reporting.moment import Moment
from reporting.schools.model import NextVisit, School
from reporting.schools.store import schools
from reporting.visits.rules import next_by_group
from reporting.visits.store import visits

NPSN = "npsn:"


async def every_school(tx: Connection, at: Moment) -> list[School]:
    """Every school that is listed, or has a recording or a target, in the order of their NPSN."""
    slug, known_at = at.campaign.campaign, at.asked_known_at
    answer = await coverage(tx, at, "group")
    following = next_by_group(await visits(tx, slug, known_at), at.as_of)
    rows = [row for row in answer.rows if isinstance(row, GroupRow)]
    return combine(await schools(tx, slug, known_at), rows, following)


def combine(
    listed: Mapping[str, Mapping[str, Any]], rows: Iterable[GroupRow], following: Mapping[str, Mapping[str, Any]]
) -> list[School]:
    """A school for each that is listed or has a row of coverage."""
    by_npsn = {row.group.removeprefix(NPSN): row for row in rows if row.group.startswith(NPSN)}
    return [
        _school(npsn, listed.get(npsn), by_npsn.get(npsn), following.get(NPSN + npsn))
        for npsn in sorted(listed.keys() | by_npsn.keys())
    ]


def _school(
    npsn: str, listed: Mapping[str, Any] | None, row: GroupRow | None, visit: Mapping[str, Any] | None
) -> School:
    figures = line(None, 0) if row is None else row
    known = dict(listed or {})
    return School.model_validate(
        known
        | {
            "npsn": npsn,
            "group": NPSN + npsn,
            "listed": listed is not None,
            "target": figures.target,
            "recorded": figures.recorded,
            "remaining": figures.remaining,
            "excess": figures.excess,
            "coverage": figures.coverage,
            "next_visit": None if visit is None else NextVisit(**{**_picked(visit), "sets": len(visit["sets"])}),
        }
    )


def _picked(visit: Mapping[str, Any]) -> dict[str, Any]:
    return {name: visit[name] for name in ("visit_id", "kind", "place", "day", "starts_at")}
