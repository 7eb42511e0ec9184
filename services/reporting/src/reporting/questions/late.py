"""What arrived late: persons whose place in the figures is another now than it was known to be then."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from contracts.days import end_of, utc
from contracts.targets import TargetUpdated
from exactly_once import Connection
from reporting.questions.moment import Asked, Heard, Moment, about
from reporting.questions.targets import in_force

# `before` and `after`: the group in which a person counted as known then, and counts as known now; null where in none.
# The version to name is the last one, learnt since, at which that changed.
LATE: Final = """
    WITH earlier AS (
        SELECT DISTINCT ON (person_id) person_id,
               CASE WHEN counts AND recorded_on BETWEEN coalesce($4::date, '-infinity') AND $3 THEN "group" END AS place
          FROM reporting.recording_revision
         WHERE campaign = $1 AND known_at <= $2
         ORDER BY person_id, revision DESC),
    later AS (
        SELECT person_id,
               CASE WHEN counts AND recorded_on BETWEEN coalesce($5::date, '-infinity') AND $3 THEN "group" END AS place
          FROM reporting.recording_current WHERE campaign = $1),
    changed AS (
        SELECT person_id, earlier.place AS before, later.place AS after
          FROM later LEFT JOIN earlier USING (person_id)
         WHERE earlier.place IS DISTINCT FROM later.place),
    history AS (
        SELECT version.*, before, after,
               lag(place) OVER (PARTITION BY person_id ORDER BY revision) AS place_before
          FROM (SELECT *, CASE WHEN counts AND recorded_on BETWEEN coalesce($5::date, '-infinity') AND $3
                               THEN "group" END AS place
                  FROM reporting.recording_revision WHERE campaign = $1) AS version
          JOIN changed USING (person_id)),
    turned AS (
        SELECT DISTINCT ON (person_id) *, known_at > $2 AND place IS DISTINCT FROM place_before AS is_cause
          FROM history
         ORDER BY person_id, known_at > $2 AND place IS DISTINCT FROM place_before DESC, revision DESC)
    SELECT recorded_then, recorded_now, before, after, CASE WHEN is_cause THEN cause END AS cause, kind, recorded_on,
           received_at, known_at
      FROM (SELECT count(place) AS recorded_then FROM earlier), (SELECT count(place) AS recorded_now FROM later)
      LEFT JOIN turned ON true
     ORDER BY recorded_on, known_at, person_id
"""
COUNTING_FROM: Final = "counting_from"
Change = Literal["added", "removed", "moved"]


class LateCause(BaseModel):
    """How many persons changed for one cause."""

    change: Change
    cause: Annotated[str, Field(description="Of the revision that changed it; `counting_from` when only that changed.")]
    persons: int


class LateRow(BaseModel):
    """One person, without saying who."""

    change: Change
    cause: str
    group: Annotated[str, Field(description="Where the person counts now; where they did, if they no longer do.")]
    group_before: Annotated[str | None, Field(description="Where they counted as known then.")]
    kind: str
    recorded_on: date
    received_at: datetime
    known_at: Annotated[datetime, Field(description="Since when it is known.")]


class LateAnswer(Asked):
    """The same day, as known then (`known_at`) and as known now."""

    final: Annotated[bool, Field(description="What was known then is complete; what is known now still moves.")]
    recorded_then: int
    recorded_now: int
    added: int
    removed: int
    moved: int
    causes: list[LateCause]
    rows: list[LateRow]


async def compared(_tx: Connection, heard: Heard, as_of: date | None, known_at: datetime | None) -> Moment:
    """A day as known now, and the instant to compare it with: by default its end."""
    at = heard.moment(as_of)
    return replace(at, known_at=end_of(at.as_of, at.campaign.zone) if known_at is None else utc(known_at))


async def late(tx: Connection, at: Moment, decided: Sequence[TargetUpdated], limit: int) -> LateAnswer:
    """Compares what was known then with what is known now: everybody whose place in the figures of that day changed."""
    from_then = in_force(decided, at.as_of, at.known_at).counting_from
    from_now = in_force(decided, at.as_of).counting_from
    first, *others = await tx.fetch(LATE, at.campaign.campaign, at.known_at, at.as_of, from_then, from_now)
    rows = [] if first["known_at"] is None else [_row(row) for row in (first, *others)]
    changes = Counter(row.change for row in rows)
    causes = Counter((row.change, row.cause) for row in rows)
    return LateAnswer(
        **about(at),
        recorded_then=first["recorded_then"],
        recorded_now=first["recorded_now"],
        added=changes["added"],
        removed=changes["removed"],
        moved=changes["moved"],
        causes=[
            LateCause(change=change, cause=cause, persons=n)
            for (change, cause), n in sorted(causes.items(), key=_most_first)
        ],
        rows=rows[:limit],
    )


def _most_first(counted: tuple[tuple[Change, str], int]) -> tuple[int, Change, bool, str]:
    (change, cause), n = counted
    return -n, change, cause == COUNTING_FROM, cause


def _row(row: Any) -> LateRow:
    before, after = row["before"], row["after"]
    return LateRow(
        change="added" if before is None else "removed" if after is None else "moved",
        cause=row["cause"] or COUNTING_FROM,  # not the person changed, but the day from which recordings count
        group=after or before,
        group_before=before,
        kind=row["kind"],
        recorded_on=row["recorded_on"],
        received_at=row["received_at"],
        known_at=row["known_at"],
    )
