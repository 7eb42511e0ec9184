"""The projection of recordings: every revision, the latest of each person, and the day counts they make."""

from collections import defaultdict
from itertools import pairwise
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeAlias

from contracts.recordings import Recording
from contracts.topics import RECORDINGS
from exactly_once import Batch, Connection, Received
from exactly_once.facts import CONFLICT_DETAIL, REVISION_CONFLICT
from reporting.projection import changes

# The members of the type `reporting.recording_event` in its order, but for the last, the hash: an event is sent to
# PostgreSQL as one value of it. The type never changes; the table may, under workers that run.
COLUMNS: Final = (
    "known_at", "recorded_at", "received_at", "person_id", "revision", "recorded_on", "counts", "campaign", "group",
    "kind", "cause", "domicile_regency", "session_id",
)  # fmt: skip
Row: TypeAlias = tuple[Any, ...]
_columns: Final = attrgetter(*COLUMNS)
_known_at, _person, _revision = (itemgetter(COLUMNS.index(name)) for name in ("known_at", "person_id", "revision"))

# One statement for a batch's events of one campaign. Rows are locked in one order by everybody: persons, then days.
# The guard is the WHERE of the first upsert: a revision that is not higher leaves the row, and so the counts, alone.
# A revision above the one that was current cannot be there yet, and whoever holds the person's row is the only one to
# write it: so those are kept without asking first. The others, which came late or again, are left to KEEP.
MERGE: Final = """
    WITH event AS MATERIALIZED (
        SELECT * FROM unnest($2::reporting.recording_event[], $3::bool[])
               AS sent (known_at, recorded_at, received_at, person_id, revision, recorded_on, counts, campaign, "group",
                        kind, cause, domicile_regency, session_id, content_sha256, newest)),
    changed AS (
        INSERT INTO reporting.recording_current AS latest
               (campaign, person_id, revision, counts, "group", recorded_on, kind, domicile)
        SELECT campaign, person_id, revision, counts, "group", recorded_on, kind, coalesce(domicile_regency, '')
          FROM event WHERE newest
        ON CONFLICT (campaign, person_id) DO UPDATE
           SET revision = excluded.revision, counts = excluded.counts, "group" = excluded."group",
               recorded_on = excluded.recorded_on, kind = excluded.kind, domicile = excluded.domicile
         WHERE excluded.revision > latest.revision
        RETURNING new.person_id, coalesce(old.revision, 0) AS old_revision,
                  old.counts AS old_counts, old."group" AS old_group, old.recorded_on AS old_recorded_on,
                  old.kind AS old_kind, old.domicile AS old_domicile,
                  new.counts, new."group", new.recorded_on, new.kind, new.domicile),
    difference AS (
        SELECT "group", recorded_on, kind, domicile, sum(n) AS n
          FROM (SELECT "group", recorded_on, kind, domicile, 1 AS n FROM changed WHERE counts
                UNION ALL
                SELECT old_group, old_recorded_on, old_kind, old_domicile, -1 FROM changed WHERE old_counts) AS part
         GROUP BY "group", recorded_on, kind, domicile HAVING sum(n) <> 0),
    counted AS (
        INSERT INTO reporting.coverage_day AS day (campaign, "group", recorded_on, kind, domicile, n)
        SELECT $1, "group", recorded_on, kind, domicile, n FROM difference
         ORDER BY recorded_on, "group", kind, domicile
        ON CONFLICT (campaign, recorded_on, "group", kind, domicile) DO UPDATE SET n = day.n + excluded.n),
    kept AS (
        INSERT INTO reporting.recording_revision
               (known_at, recorded_at, received_at, person_id, revision, recorded_on, counts, campaign, "group", kind,
                cause, domicile_regency, session_id, content_sha256)
        SELECT known_at, recorded_at, received_at, person_id, revision, event.recorded_on, event.counts, campaign,
               event."group", event.kind, cause, domicile_regency, session_id, content_sha256
          FROM event JOIN changed USING (person_id)
         WHERE event.revision > old_revision
        RETURNING 1)
    SELECT count(*) FROM kept
"""
KEEP: Final = """
    WITH kept AS (
        INSERT INTO reporting.recording_revision
               (known_at, recorded_at, received_at, person_id, revision, recorded_on, counts, campaign, "group", kind,
                cause, domicile_regency, session_id, content_sha256)
        SELECT * FROM unnest($1::reporting.recording_event[])
        ON CONFLICT DO NOTHING RETURNING 1)
    SELECT count(*) FROM kept
"""
# Other bytes, and other content in the columns that there are today: a row may be older than one of them.
CONFLICTS: Final = f"""
    SELECT ord
      FROM (SELECT unnest($1::reporting.recording_event[]) AS event, generate_subscripts($1, 1) AS ord) AS sent
      JOIN reporting.recording_revision AS kept
        ON kept.campaign = (event).campaign AND kept.person_id = (event).person_id
           AND kept.revision = (event).revision
     WHERE kept.content_sha256 IS DISTINCT FROM (event).content_sha256
       AND ROW({", ".join(f'kept."{column}"' for column in COLUMNS)})
           IS DISTINCT FROM ROW({", ".join(f'(event)."{column}"' for column in COLUMNS)})
     ORDER BY ord
"""  # noqa: S608


async def merge(tx: Connection, batch: Batch[Recording]) -> None:
    """Applies what the events say: new revisions are kept, the highest of each person moves the day counts.

    A revision that is known with other content is rejected; of two in one batch the first stands.
    """
    by_campaign: dict[str, list[Received[Recording]]] = defaultdict(list)
    for recording in batch:
        by_campaign[recording.event.campaign].append(recording)
    for campaign, received in sorted(by_campaign.items()):
        sent = [recording.prepared or row(recording) for recording in received]
        rows = distinct(sent)
        kept: int = await tx.fetchval(MERGE, campaign, rows, newest(rows))
        if kept < len(rows):
            kept += await tx.fetchval(KEEP, rows)
        if kept:
            await changes.record(tx, campaign, RECORDINGS, max(map(_known_at, rows)), kept)
        if kept < len(received):
            for conflict in await tx.fetch(CONFLICTS, sent):
                batch.reject(received[conflict["ord"] - 1], REVISION_CONFLICT, CONFLICT_DETAIL)


def row(received: Received[Recording]) -> Row:
    """All that an event says, and the hash of its record: a value of `reporting.recording_event`."""
    return (*_columns(received.event), received.content_sha256)


def distinct(rows: list[Row]) -> list[Row]:
    """The rows of one campaign by person and revision, of each the first that came.

    Sorting twice by one key costs half of sorting once by two.
    """
    first: list[Row] = []
    person, revision = "", 0
    for version in sorted(sorted(rows, key=_revision), key=_person):
        if _revision(version) != revision or _person(version) != person:
            first.append(version)
            person, revision = _person(version), _revision(version)
    return first


def newest(rows: list[Row]) -> list[bool]:
    """Which of them, ordered by person and revision, is the last of its person."""
    persons = [*map(_person, rows), ""]
    return [person != following for person, following in pairwise(persons)]
