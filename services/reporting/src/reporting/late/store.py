"""Persons whose place in the figures is another now than it was known to be then."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from exactly_once import Connection

# `before` and `after`: the group in which a person counted as known then, and counts as known now; null where in none.
# The version to name is the last one, learnt since, at which that changed.
LATE: Final = """
    WITH earlier AS (
        SELECT DISTINCT ON (person_id) person_id,
               CASE WHEN counts AND recorded_on BETWEEN coalesce($4::date, '-infinity') AND $3 THEN "group" END AS place
          FROM recording_version
         WHERE campaign = $1 AND known_at <= $2
         ORDER BY person_id, revision DESC),
    changed AS (
        SELECT person_id, earlier.place AS before, after.place AS after
          FROM (SELECT person_id,
                       CASE WHEN counts AND recorded_on BETWEEN coalesce($5::date, '-infinity') AND $3
                            THEN "group" END AS place
                  FROM recording_current WHERE campaign = $1) AS after
          LEFT JOIN earlier USING (person_id)
         WHERE earlier.place IS DISTINCT FROM after.place),
    history AS (
        SELECT version.*, before, after,
               lag(place) OVER (PARTITION BY person_id ORDER BY revision) AS place_before
          FROM (SELECT *, CASE WHEN counts AND recorded_on BETWEEN coalesce($5::date, '-infinity') AND $3
                               THEN "group" END AS place
                  FROM recording_version WHERE campaign = $1) AS version
          JOIN changed USING (person_id)),
    turned AS (
        SELECT DISTINCT ON (person_id) *, known_at > $2 AND place IS DISTINCT FROM place_before AS is_cause
          FROM history
         ORDER BY person_id, known_at > $2 AND place IS DISTINCT FROM place_before DESC, revision DESC)
    SELECT before, after, CASE WHEN is_cause THEN cause END AS cause, kind, recorded_on, received_at, known_at
      FROM turned
     ORDER BY recorded_on, known_at, person_id
"""


@dataclass(frozen=True, slots=True)
class Late:
    """One person, without saying who. `cause` None: not the person changed, but the day from which recordings count."""

    before: str | None
    after: str | None
    cause: str | None
    kind: str
    recorded_on: date
    received_at: datetime
    known_at: datetime

    @property
    def change(self) -> str:
        """`added`, `removed` or `moved` (to another group)."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "moved"


async def late(
    tx: Connection,
    campaign: str,
    as_of: date,
    known_at: datetime,
    counting_from_then: date | None,
    counting_from_now: date | None,
) -> list[Late]:
    """Everybody whose place in the figures as of that day has changed since that instant."""
    rows: list[Any] = await tx.fetch(LATE, campaign, known_at, as_of, counting_from_then, counting_from_now)
    return [Late(**dict(row)) for row in rows]


def by_cause(found: list[Late]) -> list[tuple[str, str | None, int]]:
    """(change, cause, persons), the most frequent first."""
    counted = Counter((one.change, one.cause) for one in found)
    return [(change, cause, n) for (change, cause), n in sorted(counted.items(), key=lambda one: (-one[1], str(one)))]
