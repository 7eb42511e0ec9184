"""The latest decision about each submission, and how many there are of each sort."""

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from contracts.decisions import SubmissionDecided
from contracts.topics import SUBMISSION_DECISIONS
from exactly_once import Batch, Connection, Received
from exactly_once.facts import CONFLICT_DETAIL, REVISION_CONFLICT
from reporting.projection import changes


@dataclass(frozen=True, slots=True)
class Sort:
    """How many submissions have this outcome for this reason ('' where none is given)."""

    outcome: str
    reason: str
    n: int


async def merge(tx: Connection, batch: Batch[SubmissionDecided]) -> None:
    """Keeps the highest revision of each submission and moves the counts by the exact difference."""
    ordered = sorted(batch.received, key=attrgetter("event.campaign", "event.submission_id", "event.revision"))
    for campaign, group in groupby(ordered, key=attrgetter("event.campaign")):
        received = list(group)
        newest: dict[str, Received[SubmissionDecided]] = {}
        for decision in received:  # revisions rise; of equal ones the first in the log stays
            kept = newest.get(decision.event.submission_id)
            if kept is None or decision.event.revision > kept.event.revision:
                newest[decision.event.submission_id] = decision
        moved, revisions = await _upsert(tx, campaign, list(newest.values()))
        if moved:
            last_known_at = max(decision.event.known_at for decision in received)
            await changes.record(tx, campaign, SUBMISSION_DECISIONS, last_known_at, revisions)
        if moved < len(received):
            for decision in await _conflicts(tx, campaign, received):
                batch.reject(decision, REVISION_CONFLICT, CONFLICT_DETAIL)


async def _upsert(tx: Connection, campaign: str, received: list[Received[SubmissionDecided]]) -> tuple[int, int]:
    """How many submissions got a higher revision, and by how many revisions in all: those between are not kept."""
    (row,) = await tx.fetch(
        """
        WITH changed AS (
            INSERT INTO reporting.submission_decision AS kept
                   (campaign, submission_id, revision, outcome, reason, content_sha256)
            SELECT $1, submission_id::uuid, revision, outcome, reason, content_sha256
              FROM unnest($2::text[], $3::int[], $4::text[], $5::text[], $6::bytea[])
                   AS event (submission_id, revision, outcome, reason, content_sha256)
            ON CONFLICT (campaign, submission_id) DO UPDATE
               SET revision = excluded.revision, outcome = excluded.outcome, reason = excluded.reason,
                   content_sha256 = excluded.content_sha256
             WHERE excluded.revision > kept.revision
            RETURNING new.revision - coalesce(old.revision, 0) AS risen,
                      old.outcome AS old_outcome, old.reason AS old_reason, new.outcome, new.reason),
        difference AS (
            SELECT outcome, reason, sum(n) AS n
              FROM (SELECT outcome, reason, 1 AS n FROM changed
                    UNION ALL
                    SELECT old_outcome, old_reason, -1 FROM changed WHERE old_outcome IS NOT NULL) AS part
             GROUP BY outcome, reason HAVING sum(n) <> 0),
        counted AS (
            INSERT INTO reporting.decision_count AS total (campaign, outcome, reason, n)
            SELECT $1, outcome, reason, n FROM difference ORDER BY outcome, reason
            ON CONFLICT (campaign, outcome, reason) DO UPDATE SET n = total.n + excluded.n)
        SELECT count(*) AS moved, coalesce(sum(risen), 0)::bigint AS revisions FROM changed
        """,
        campaign,
        *_columns(received),
    )
    return row["moved"], row["revisions"]


async def _conflicts(
    tx: Connection, campaign: str, received: list[Received[SubmissionDecided]]
) -> list[Received[SubmissionDecided]]:
    """Those whose revision is the one kept, with other content. Older revisions are not kept and cannot conflict."""
    rows = await tx.fetch(
        """
        SELECT ord
          FROM unnest($2::text[], $3::int[], $4::text[], $5::text[], $6::bytea[]) WITH ORDINALITY
               AS event (submission_id, revision, outcome, reason, content_sha256, ord)
          JOIN reporting.submission_decision AS kept
            ON kept.campaign = $1 AND kept.submission_id = event.submission_id::uuid
               AND kept.revision = event.revision
         WHERE kept.content_sha256 IS DISTINCT FROM event.content_sha256
           AND (kept.outcome, kept.reason) IS DISTINCT FROM (event.outcome, event.reason)
         ORDER BY ord
        """,
        campaign,
        *_columns(received),
    )
    return [received[row["ord"] - 1] for row in rows]


def _columns(received: list[Received[SubmissionDecided]]) -> tuple[list[Any], ...]:
    events = [decision.event for decision in received]
    return (
        [event.submission_id for event in events],
        [event.revision for event in events],
        [event.outcome for event in events],
        [event.reason or "" for event in events],
        [decision.content_sha256 for decision in received],
    )


async def counts(tx: Connection, campaign: str) -> list[Sort]:
    """How the campaign's submissions were decided."""
    rows = await tx.fetch(
        """
        SELECT outcome, reason, n FROM reporting.decision_count
         WHERE campaign = $1 AND n <> 0 ORDER BY outcome, n DESC, reason
        """,
        campaign,
    )
    return [Sort(row["outcome"], row["reason"], row["n"]) for row in rows]
