"""The latest decision about each submission, and how many there are of each sort."""

from dataclasses import dataclass
from itertools import groupby

from contracts.decisions import SubmissionDecided
from contracts.topics import SUBMISSION_DECISIONS
from exactly_once import Batch, Connection, Received
from reporting import changes
from reporting.versions import CONFLICT, CONFLICT_DETAIL


@dataclass(frozen=True, slots=True)
class Sort:
    """How many submissions have this outcome for this reason ('' where none is given)."""

    outcome: str
    reason: str
    n: int


async def merge(tx: Connection, batch: Batch[SubmissionDecided]) -> None:
    """Keeps the highest revision of each submission and moves the counts by the exact difference."""
    ordered = sorted(batch.received, key=lambda one: (one.event.campaign, one.event.submission_id, one.event.revision))
    for campaign, group in groupby(ordered, key=lambda one: one.event.campaign):
        received = list(group)
        newest: dict[str, SubmissionDecided] = {}
        for one in received:  # revisions rise; of equal ones the first in the log stays
            known = newest.get(one.event.submission_id)
            if known is None or one.event.revision > known.revision:
                newest[one.event.submission_id] = one.event
        moved, revisions = await _upsert(tx, campaign, list(newest.values()))
        if moved:
            last_known_at = max(one.event.known_at for one in received)
            await changes.record(tx, campaign, SUBMISSION_DECISIONS, last_known_at, revisions)
        if moved < len(received):
            for one in await _conflicts(tx, campaign, received):
                batch.reject(one, CONFLICT, CONFLICT_DETAIL)


async def _upsert(tx: Connection, campaign: str, events: list[SubmissionDecided]) -> tuple[int, int]:
    """How many submissions got a higher revision, and by how many revisions in all: those between are not kept."""
    (row,) = await tx.fetch(
        """
        WITH changed AS (
            INSERT INTO submission_decision AS known (campaign, submission_id, revision, outcome, reason)
            SELECT $1, submission_id::uuid, revision, outcome, reason
              FROM unnest($2::text[], $3::int[], $4::text[], $5::text[])
                   AS event (submission_id, revision, outcome, reason)
            ON CONFLICT (campaign, submission_id) DO UPDATE
               SET revision = excluded.revision, outcome = excluded.outcome, reason = excluded.reason
             WHERE excluded.revision > known.revision
            RETURNING new.revision - coalesce(old.revision, 0) AS risen,
                      old.outcome AS old_outcome, old.reason AS old_reason, new.outcome, new.reason),
        difference AS (
            SELECT outcome, reason, sum(n) AS n
              FROM (SELECT outcome, reason, 1 AS n FROM changed
                    UNION ALL
                    SELECT old_outcome, old_reason, -1 FROM changed WHERE old_outcome IS NOT NULL) AS each
             GROUP BY outcome, reason HAVING sum(n) <> 0),
        counted AS (
            INSERT INTO decision_count AS total (campaign, outcome, reason, n)
            SELECT $1, outcome, reason, n FROM difference ORDER BY outcome, reason
            ON CONFLICT (campaign, outcome, reason) DO UPDATE SET n = total.n + excluded.n)
        SELECT count(*) AS moved, coalesce(sum(risen), 0)::bigint AS revisions FROM changed
        """,
        campaign,
        [event.submission_id for event in events],
        [event.revision for event in events],
        [event.outcome for event in events],
        [event.reason or "" for event in events],
    )
    return row["moved"], row["revisions"]


async def _conflicts(
    tx: Connection, campaign: str, received: list[Received[SubmissionDecided]]
) -> list[Received[SubmissionDecided]]:
    """Those whose revision is the one kept, with other content. Older revisions are not kept and cannot conflict."""
    rows = await tx.fetch(
        """
        SELECT ord
          FROM unnest($2::text[], $3::int[], $4::text[], $5::text[]) WITH ORDINALITY
               AS event (submission_id, revision, outcome, reason, ord)
          JOIN submission_decision AS known
            ON known.campaign = $1 AND known.submission_id = event.submission_id::uuid
               AND known.revision = event.revision
         WHERE (known.outcome, known.reason) IS DISTINCT FROM (event.outcome, event.reason)
         ORDER BY ord
        """,
        campaign,
        [one.event.submission_id for one in received],
        [one.event.revision for one in received],
        [one.event.outcome for one in received],
        [one.event.reason or "" for one in received],
    )
    return [received[row["ord"] - 1] for row in rows]


async def counts(tx: Connection, campaign: str) -> list[Sort]:
    """How the campaign's submissions were decided."""
    rows = await tx.fetch(
        "SELECT outcome, reason, n FROM decision_count WHERE campaign = $1 AND n <> 0 ORDER BY outcome, n DESC, reason",
        campaign,
    )
    return [Sort(row["outcome"], row["reason"], row["n"]) for row in rows]
