"""What arrived late: persons whose place in the figures is another now than it was known to be then."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from contracts.days import end_of, utc
from contracts.targets import TargetUpdated
from exactly_once import Connection
from reporting.questions.moment import Asked, Heard, Moment, about
from reporting.questions.targets import in_force

# `before` and `after`: the group in which a person counted as known then, and counts as known now; null where in none.
# The version to name is the last one, learnt since, at which that changed. No join but by a person's key, one person
# after the other: a plan that has to guess how many there are compares everybody with everybody as long as PostgreSQL
# has not counted a new campaign's rows.
LATE: Final = """
    WITH version AS MATERIALIZED (
        SELECT version.*, known_at <= $2 AS by_then,
               CASE WHEN counts AND recorded_on BETWEEN coalesce($4::date, '-infinity') AND $3 THEN "group" END
                    AS place_then,
               CASE WHEN counts AND recorded_on BETWEEN coalesce($5::date, '-infinity') AND $3 THEN "group" END AS place
          FROM (SELECT DISTINCT person_id FROM reporting.recording_revision
                 WHERE campaign = $1 AND (known_at > $2 OR $4::date IS DISTINCT FROM $5::date)) AS learnt
         CROSS JOIN LATERAL (
                SELECT person_id, revision, known_at, kind, cause, recorded_on, received_at, counts, "group"
                  FROM reporting.recording_revision AS version
                 WHERE campaign = $1 AND version.person_id = learnt.person_id OFFSET 0) AS version),
    step AS (
        SELECT *, NOT by_then AND place IS DISTINCT FROM lag(place) OVER history AS turns,
               max(revision) FILTER (WHERE by_then) OVER person AS revision_then,
               max(revision) OVER person AS revision_now
          FROM version
        WINDOW person AS (PARTITION BY person_id), history AS (PARTITION BY person_id ORDER BY revision)),
    seen AS (
        SELECT *, max(place_then) FILTER (WHERE revision = revision_then) OVER person AS before,
               max(place) FILTER (WHERE revision = revision_now) OVER person AS after,
               coalesce(max(revision) FILTER (WHERE turns) OVER person, revision_now) AS told_by
          FROM step WINDOW person AS (PARTITION BY person_id)),
    changed AS MATERIALIZED (
        SELECT CASE WHEN before IS NULL THEN 'added' WHEN after IS NULL THEN 'removed' ELSE 'moved' END AS change,
               CASE WHEN turns THEN cause ELSE 'counting_from' END AS cause,
               before, after, kind, recorded_on, received_at, known_at, person_id
          FROM seen WHERE revision = told_by AND before IS DISTINCT FROM after)
    SELECT (SELECT coalesce(sum(n), 0)::bigint FROM reporting.coverage_day
             WHERE campaign = $1 AND recorded_on BETWEEN coalesce($5::date, '-infinity') AND $3) AS recorded_now,
           ARRAY(SELECT ROW(change, cause, count(*)) FROM changed GROUP BY change, cause) AS causes,
           ARRAY(SELECT ROW(change, cause, coalesce(after, before), before, kind, recorded_on, received_at, known_at)
                   FROM (SELECT * FROM changed ORDER BY recorded_on, known_at, person_id LIMIT $6 OFFSET $7) AS page)
               AS rows
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


async def late(tx: Connection, at: Moment, decided: Sequence[TargetUpdated], limit: int, offset: int = 0) -> LateAnswer:
    """Compares what was known then with what is known now: everybody whose place in the figures of that day changed.

    Of their rows no more than `limit`, behind the first `offset`; the sums are of all.
    """
    from_then = in_force(decided, at.as_of, at.known_at).counting_from
    from_now = in_force(decided, at.as_of).counting_from
    (row,) = await tx.fetch(LATE, at.campaign.campaign, at.known_at, at.as_of, from_then, from_now, limit, offset)
    causes = [LateCause(change=change, cause=cause, persons=n) for change, cause, n in row["causes"]]
    changes: Counter[Change] = Counter()
    for each in causes:
        changes[each.change] += each.persons
    return LateAnswer(
        **about(at),
        recorded_then=row["recorded_now"] - changes["added"] + changes["removed"],
        recorded_now=row["recorded_now"],
        added=changes["added"],
        removed=changes["removed"],
        moved=changes["moved"],
        causes=sorted(causes, key=_most_first),
        rows=[LateRow(**dict(zip(LateRow.model_fields, each, strict=True))) for each in row["rows"]],
    )


def _most_first(cause: LateCause) -> tuple[int, Change, bool, str]:
    return -cause.persons, cause.change, cause.cause == COUNTING_FROM, cause.cause
