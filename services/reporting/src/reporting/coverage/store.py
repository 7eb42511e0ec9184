"""How many persons count, by group, day, kind or domicile: the day counts, or every revision as known then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from exactly_once import Connection

By = Literal["group", "day", "kind", "domicile"]
COLUMNS: Final[Mapping[By, str]] = {"group": '"group"', "day": "recorded_on", "kind": "kind", "domicile": "domicile"}

# As known now: kept up to date by every batch.
LIVE: Final = """
    SELECT "group", recorded_on, kind, domicile, n FROM coverage_day
     WHERE campaign = $1 AND n <> 0 AND $2::timestamptz IS NULL
"""
# As known at an instant: each person's highest revision of those known by then.
KNOWN: Final = """
    SELECT "group", recorded_on, kind, domicile, 1::bigint AS n
      FROM (SELECT DISTINCT ON (person_id)
                   counts, "group", recorded_on, kind, coalesce(domicile_regency, '') AS domicile
              FROM recording_version
             WHERE campaign = $1 AND known_at <= $2
             ORDER BY person_id, revision DESC) AS latest
     WHERE counts
"""


@dataclass(frozen=True, slots=True)
class Window:
    """Which recordings count: those of a campaign from one day to another, as known at an instant (None: now)."""

    campaign: str
    counting_from: date | None
    as_of: date
    known_at: datetime | None


async def recorded(tx: Connection, window: Window, by: By, *, group: str | None = None) -> dict[str, int]:
    """Persons that count, by group, day (ISO), kind or domicile; of one group alone when it is given."""
    source = LIVE if window.known_at is None else KNOWN
    column = COLUMNS[by]
    rows = await tx.fetch(
        f"""
        SELECT {column}::text AS key, sum(n)::bigint AS n FROM ({source}) AS counted
         WHERE recorded_on BETWEEN coalesce($3::date, '-infinity') AND $4::date
           AND ($5::text IS NULL OR "group" = $5)
         GROUP BY {column} HAVING sum(n) <> 0 ORDER BY {column}
        """,  # noqa: S608
        window.campaign,
        window.known_at,
        window.counting_from,
        window.as_of,
        group,
    )
    return {row["key"]: row["n"] for row in rows}


async def recorded_later_starts(tx: Connection, window: Window, starts: Mapping[str, date]) -> dict[str, int]:
    """The same by group, for groups that count from a later day than the campaign."""
    if not starts:
        return {}
    source = LIVE if window.known_at is None else KNOWN
    rows = await tx.fetch(
        f"""
        SELECT start."group" AS key, coalesce(sum(n), 0)::bigint AS n
          FROM unnest($4::text[], $5::date[]) AS start ("group", day)
          LEFT JOIN ({source}) AS counted
            ON counted."group" = start."group" AND recorded_on BETWEEN start.day AND $3::date
         GROUP BY start."group"
        """,  # noqa: S608
        window.campaign,
        window.known_at,
        window.as_of,
        list(starts),
        list(starts.values()),
    )
    return {row["key"]: row["n"] for row in rows}
