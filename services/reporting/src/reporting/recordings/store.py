"""The projection of recordings: every revision, the latest of each person, and the day counts they make."""

from collections.abc import Sequence
from typing import Final

from contracts.recordings import Recording
from contracts.topics import RECORDINGS
from exactly_once import Batch, Connection, Received
from reporting import changes
from reporting.recordings import rules
from reporting.versions import CONFLICT, CONFLICT_DETAIL

# One statement for a batch's events of one campaign. Rows are locked in one order by everybody: persons, then days.
# The guard is the WHERE of the first upsert: a revision that is not higher leaves the row, and so the counts, alone.
# A revision above the one that was current cannot be there yet, and whoever holds the person's row is the only one to
# write it: so those are kept without asking first. The others, which came late or again, are left to KEEP.
MERGE: Final = """
    WITH event AS MATERIALIZED (
        SELECT * FROM unnest($2::recording_version[], $3::bool[])
               AS sent (known_at, recorded_at, received_at, person_id, revision, recorded_on, counts, campaign, "group",
                        kind, cause, domicile_regency, session_id, newest)),
    changed AS (
        INSERT INTO recording_current AS known
               (campaign, person_id, revision, counts, "group", recorded_on, kind, domicile)
        SELECT campaign, person_id, revision, counts, "group", recorded_on, kind, coalesce(domicile_regency, '')
          FROM event WHERE newest
        ON CONFLICT (campaign, person_id) DO UPDATE
           SET revision = excluded.revision, counts = excluded.counts, "group" = excluded."group",
               recorded_on = excluded.recorded_on, kind = excluded.kind, domicile = excluded.domicile
         WHERE excluded.revision > known.revision
        RETURNING new.person_id, coalesce(old.revision, 0) AS old_revision,
                  old.counts AS old_counts, old."group" AS old_group, old.recorded_on AS old_recorded_on,
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
        SELECT known_at, recorded_at, received_at, person_id, revision, event.recorded_on, event.counts, campaign,
               event."group", event.kind, cause, domicile_regency, session_id
          FROM event JOIN changed USING (person_id)
         WHERE event.revision > old_revision
        RETURNING 1)
    SELECT count(*) FROM kept
"""
KEEP: Final = """
    WITH kept AS (
        INSERT INTO recording_version SELECT * FROM unnest($1::recording_version[]) ON CONFLICT DO NOTHING RETURNING 1)
    SELECT count(*) FROM kept
"""
CONFLICTS: Final = """
    SELECT ord
      FROM (SELECT unnest($1::recording_version[]) AS event, generate_subscripts($1, 1) AS ord) AS sent
      JOIN recording_version AS known
        ON known.campaign = (event).campaign AND known.person_id = (event).person_id
           AND known.revision = (event).revision
     WHERE known IS DISTINCT FROM event
     ORDER BY ord
"""


async def merge(tx: Connection, batch: Batch[Recording]) -> None:
    """Applies what the events say: new revisions are kept, the highest of each person moves the day counts.

    A revision that is known with other content is rejected; of two in one batch the first stands.
    """
    by_campaign: dict[str, list[Received[Recording]]] = {}
    for one in batch:
        by_campaign.setdefault(one.event.campaign, []).append(one)
    for campaign, received in sorted(by_campaign.items()):
        events = rules.distinct([one.event for one in received])
        kept = await _merge(tx, campaign, events)
        if kept:
            await changes.record(tx, campaign, RECORDINGS, max(event.known_at for event in events), kept)
        if kept < len(received):
            for one in await _conflicts(tx, received):
                batch.reject(one, CONFLICT, CONFLICT_DETAIL)


async def _merge(tx: Connection, campaign: str, events: Sequence[Recording]) -> int:
    """How many of the revisions were new."""
    rows = [rules.row(event) for event in events]
    kept: int = await tx.fetchval(MERGE, campaign, rows, rules.newest(events))
    if kept < len(events):
        kept += await tx.fetchval(KEEP, rows)
    return kept


async def _conflicts(tx: Connection, received: Sequence[Received[Recording]]) -> list[Received[Recording]]:
    """Those that say something else than what is kept for their person and revision."""
    rows = await tx.fetch(CONFLICTS, [rules.row(one.event) for one in received])
    return [received[row["ord"] - 1] for row in rows]
