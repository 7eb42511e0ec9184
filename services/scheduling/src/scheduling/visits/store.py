"""The SQL of visits: every revision is kept, and published in the transaction that adds it."""

import json
from datetime import date
from typing import Final

import asyncpg

from contracts.visits import VisitStatus
from exactly_once import Connection, publish
from scheduling.visits.model import Plan, Visit, event

_SELECT: Final = """
SELECT campaign, visit_id::text, revision, known_at, cause, kind, place, day, starts_at, ends_at, sets, groups,
       expected, missed::text, reason
  FROM"""
_ONE: Final = f"{_SELECT} visit_current WHERE campaign = $1 AND visit_id = $2"
_REVISION: Final = f"{_SELECT} visit_version WHERE campaign = $1 AND visit_id = $2 AND revision = $3"
_SOME: Final = f"""{_SELECT} visit_current
 WHERE campaign = $1
   AND ($2::date IS NULL OR day = $2)
   AND ($3::text IS NULL OR status = $3)
   AND ($4::text IS NULL OR $4 = ANY (groups))
   AND ($5::text IS NULL OR $5 = ANY (sets))
 ORDER BY day, starts_at, visit_id
"""
_ADD: Final = """
INSERT INTO visit_version (campaign, visit_id, revision, known_at, cause, status, kind, place, day, starts_at, ends_at,
                           sets, groups, expected, missed, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::text::jsonb, $16)
"""


async def new_id(tx: Connection) -> str:
    """A fresh visit id: UUIDv7, so that ids sort by when they were made."""
    return str(await tx.fetchval("SELECT uuidv7()::text"))


async def one(tx: Connection, campaign: str, visit_id: str) -> Visit | None:
    """The visit as it is now; None when there is none."""
    return _visit(await tx.fetchrow(_ONE, campaign, visit_id))


async def as_of(tx: Connection, campaign: str, visit_id: str, revision: int) -> Visit | None:
    """The visit as it was at a revision; None when there is none."""
    return _visit(await tx.fetchrow(_REVISION, campaign, visit_id, revision))


async def some(
    tx: Connection,
    campaign: str,
    *,
    day: date | None = None,
    status: VisitStatus | None = None,
    group: str | None = None,
    of_set: str | None = None,
) -> list[Visit]:
    """The campaign's visits as they are now, of that day, status, group and set; by day and start."""
    rows = await tx.fetch(_SOME, campaign, day, status, group, of_set)
    return [visit for row in rows if (visit := _visit(row))]


async def add(tx: Connection, visit: Visit) -> None:
    """Adds a revision, and its event to the outbox."""
    plan = visit.plan
    missed = None if visit.missed is None else json.dumps(dict(visit.missed))
    await tx.execute(
        _ADD, visit.campaign, visit.visit_id, visit.revision, visit.known_at, visit.cause, visit.status,
        plan.kind, plan.place, plan.day, plan.starts_at, plan.ends_at, list(plan.sets), list(plan.groups),
        plan.expected, missed, visit.reason,
    )  # fmt: skip
    await publish(tx, [event(visit)])


def _visit(row: asyncpg.Record | None) -> Visit | None:
    if row is None:
        return None
    return Visit(
        campaign=row["campaign"],
        visit_id=row["visit_id"],
        revision=row["revision"],
        known_at=row["known_at"],
        cause=row["cause"],
        plan=Plan(
            kind=row["kind"],
            place=row["place"],
            day=row["day"],
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            sets=tuple(row["sets"]),
            groups=tuple(row["groups"]),
            expected=row["expected"],
        ),
        missed=None if row["missed"] is None else json.loads(row["missed"]),
        reason=row["reason"],
    )
