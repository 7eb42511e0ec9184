"""The projection of recordings: every revision, the latest of each person, and the day counts they make."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from contracts.recordings import Recording
from contracts.topics import RECORDINGS
from exactly_once import Batch, Connection, Received
from reporting import changes
from reporting.recordings import rules
from reporting.versions import CONFLICT, CONFLICT_DETAIL

# One statement for a batch's events of one campaign. Rows are locked in one order by everybody: persons, then days.
# The guard is the WHERE of the second upsert: a revision that is not higher leaves the row, and so the counts, alone.
MERGE: Final = """
    WITH event AS MATERIALIZED (
        SELECT person_id, revision, newest, known_at, counts, cause, "group", domicile, kind,
               session_id, recorded_at, recorded_on, received_at
          FROM unnest($2::uuid[], $3::int[], $4::bool[], $5::timestamptz[], $6::bool[], $7::text[], $8::text[],
                      $9::text[], $10::text[], $11::uuid[], $12::timestamptz[], $13::date[], $14::timestamptz[])
               AS sent (person_id, revision, newest, known_at, counts, cause, "group", domicile, kind,
                        session_id, recorded_at, recorded_on, received_at)),
    changed AS (
        INSERT INTO recording_current AS known
               (campaign, person_id, revision, counts, "group", recorded_on, kind, domicile)
        SELECT $1, person_id, revision, counts, "group", recorded_on, kind, coalesce(domicile, '')
          FROM event WHERE newest
        ON CONFLICT (campaign, person_id) DO UPDATE
           SET revision = excluded.revision, counts = excluded.counts, "group" = excluded."group",
               recorded_on = excluded.recorded_on, kind = excluded.kind, domicile = excluded.domicile
         WHERE excluded.revision > known.revision
        RETURNING old.counts AS old_counts, old."group" AS old_group, old.recorded_on AS old_recorded_on,
                  old.kind AS old_kind, old.domicile AS old_domicile,
                  new.counts, new."group", new.recorded_on, new.kind, new.domicile),
    difference AS (
        SELECT "group", recorded_on, kind, domicile, sum(n) AS n
          FROM (SELECT "group", recorded_on, kind, domicile, 1 AS n FROM changed WHERE counts
                UNION ALL
                SELECT old_group, old_recorded_on, old_kind, old_domicile, -1 FROM changed WHERE old_counts) AS each
         GROUP BY "group", recorded_on, kind, domicile HAVING sum(n) <> 0),
    counted AS (
        INSERT INTO coverage_day AS day (campaign, "group", recorded_on, kind, domicile, n)
        SELECT $1, "group", recorded_on, kind, domicile, n FROM difference
         ORDER BY recorded_on, "group", kind, domicile
        ON CONFLICT (campaign, recorded_on, "group", kind, domicile) DO UPDATE SET n = day.n + excluded.n),
    kept AS (
        INSERT INTO recording_version
               (campaign, person_id, revision, known_at, counts, cause, "group", domicile_regency, kind,
                session_id, recorded_at, recorded_on, received_at)
        SELECT $1, person_id, revision, known_at, counts, cause, "group", domicile, kind,
               session_id, recorded_at, recorded_on, received_at
          FROM event
        ON CONFLICT DO NOTHING
        RETURNING 1)
    SELECT count(*) FROM kept
"""


_CAMPAIGN: Final = attrgetter("event.campaign")
_KEY: Final = attrgetter("event.campaign", "event.person_id", "event.revision")


async def merge(tx: Connection, batch: Batch[Recording]) -> None:
    """Applies what the events say: new revisions are kept, the highest of each person moves the day counts.

    A revision that is known with other content is rejected; of two in one batch the first stands.
    """
    ordered = sorted(batch.received, key=_KEY)
    for campaign, group in groupby(ordered, key=_CAMPAIGN):
        received = list(group)
        events = rules.distinct([one.event for one in received])
        kept = await _merge(tx, campaign, events)
        if kept:
            await changes.record(tx, campaign, RECORDINGS, max(event.known_at for event in events))
        if kept < len(received):
            for one in await _conflicts(tx, campaign, received):
                batch.reject(one, CONFLICT, CONFLICT_DETAIL)


async def _merge(tx: Connection, campaign: str, events: Sequence[Recording]) -> int:
    """How many of the revisions, ordered by person and revision, were new."""
    persons = [event.person_id for event in events]
    kept: int = await tx.fetchval(
        MERGE,
        campaign,
        persons,
        [event.revision for event in events],
        [person != following for person, following in zip(persons, [*persons[1:], None], strict=True)],
        [event.known_at for event in events],
        [event.counts for event in events],
        [event.cause for event in events],
        [event.group for event in events],
        [event.domicile_regency for event in events],
        [event.kind for event in events],
        [event.session_id for event in events],
        [event.recorded_at for event in events],
        [event.recorded_on for event in events],
        [event.received_at for event in events],
    )
    return kept


async def _conflicts(
    tx: Connection, campaign: str, received: Sequence[Received[Recording]]
) -> list[Received[Recording]]:
    """Those that say something else than what is kept for their person and revision."""
    rows = await tx.fetch(
        """
        SELECT known.person_id::text, known.revision, known_at, recorded_at, recorded_on, received_at, counts, "group",
               kind, cause, domicile_regency, session_id::text
          FROM recording_version AS known
          JOIN unnest($2::text[], $3::int[]) AS sent (person_id, revision)
            ON known.person_id = sent.person_id::uuid AND known.revision = sent.revision
         WHERE known.campaign = $1
        """,
        campaign,
        [one.event.person_id for one in received],
        [one.event.revision for one in received],
    )
    known = {(row["person_id"], row["revision"]): rules.Content(*tuple(row)[2:]) for row in rows}
    return [one for one in received if known[one.event.person_id, one.event.revision] != rules.content(one.event)]
