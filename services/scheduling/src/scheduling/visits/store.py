"""The visits: every revision is kept, and published in the transaction that adds it."""

from datetime import date
from typing import Any, Final

from contracts.topics import VISITS as TOPIC
from contracts.visits import Visit, VisitStatus
from exactly_once import Connection, FactTable
from scheduling.visits.model import PlannedVisit, event, planned

# Beside the event: `reason`, why it was cancelled.
VISITS: Final[FactTable[Visit]] = FactTable("scheduling.visit_revision", *TOPIC.types)  # type: ignore[arg-type]

_SELECT: Final = "SELECT type, data::text, reason FROM"
_REVISION: Final = f"""{_SELECT} scheduling.visit_revision
 WHERE campaign = $1 AND id = $2 AND ($3::int IS NULL OR revision = $3) ORDER BY revision DESC LIMIT 1
"""
_SOME: Final = f"""{_SELECT} (
    SELECT DISTINCT ON (id) id, type, data, reason FROM scheduling.visit_revision
     WHERE campaign = $1 ORDER BY id, revision DESC) AS newest
 WHERE data @> $2
 ORDER BY (data ->> 'day')::date, (data ->> 'starts_at')::timestamptz, id
"""  # noqa: S608


async def new_id(tx: Connection) -> str:
    """A fresh visit id: UUIDv7, so that ids sort by when they were made."""
    return str(await tx.fetchval("SELECT uuidv7()::text"))


async def last(tx: Connection, campaign: str, visit_id: str, revision: int | None = None) -> PlannedVisit | None:
    """The visit as it is now, or as it was at a revision; None when there is none."""
    row = await tx.fetchrow(_REVISION, campaign, visit_id, revision)
    return None if row is None else planned(VISITS.fact(row), row["reason"])


async def some(
    tx: Connection,
    campaign: str,
    *,
    day: date | None = None,
    status: VisitStatus | None = None,
    **containing: list[str],
) -> list[PlannedVisit]:
    """The campaign's visits as they are now, by day and start: of that day and status, with these `groups`, `sets`."""
    data: dict[str, Any] = {"day": day and day.isoformat(), "status": status, **containing}
    rows = await tx.fetch(_SOME, campaign, {name: value for name, value in data.items() if value is not None})
    return [planned(VISITS.fact(row), row["reason"]) for row in rows]


async def add(tx: Connection, visit: PlannedVisit) -> None:
    """Adds a revision, and its event to the outbox."""
    await VISITS.append(tx, [event(visit)], reason=[visit.reason])
