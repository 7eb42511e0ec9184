"""SQL of submissions, persons and decisions. A handful of statements for a batch, however many submissions it has."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from enrollment.recordings.facts import Facts
from enrollment.recordings.revisions import Decided, Known, Step
from enrollment.recordings.rules import Decision, Person, Recording, State
from exactly_once import Connection

Key = tuple[str, str]  # campaign and id


async def claim(tx: Connection, submissions: Sequence[Facts]) -> set[Key]:
    """Stores what is new and answers which those are. Waits for a transaction that is storing the same."""
    rows = await tx.fetch(
        """
        INSERT INTO enrollment.submission
        SELECT * FROM jsonb_populate_recordset(NULL::enrollment.submission, $1::text::jsonb)
         ORDER BY campaign, submission_id
            ON CONFLICT DO NOTHING
        RETURNING campaign, submission_id::text
        """,
        json.dumps([facts.row() for facts in submissions]),
    )
    return {(row["campaign"], row["submission_id"]) for row in rows}


async def contents(tx: Connection, keys: Collection[Key]) -> dict[Key, bytes]:
    """The content hash of submissions that are stored."""
    rows = await tx.fetch(
        """
        SELECT campaign, submission_id::text, content_sha256 FROM enrollment.submission
         WHERE (campaign, submission_id) IN (SELECT * FROM unnest($1::text[], $2::text[]::uuid[]))
        """,
        *_columns(keys),
    )
    return {(row["campaign"], row["submission_id"]): row["content_sha256"] for row in rows}


async def attribute(tx: Connection, campaign_submission_person: Iterable[tuple[str, str, str]]) -> None:
    """Says whose the submissions are."""
    rows = list(campaign_submission_person)
    await tx.execute(
        """
        INSERT INTO enrollment.person_submission (campaign, submission_id, person_id)
        SELECT * FROM unnest($1::text[], $2::text[]::uuid[], $3::text[]::uuid[])
        """,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
    )


async def lock(tx: Connection, keys: Collection[Key]) -> set[Key]:
    """Locks persons in one order for all transactions, and answers which exist. Read them only afterwards."""
    rows = await tx.fetch(
        """
        SELECT campaign, person_id::text FROM enrollment.person
         WHERE (campaign, person_id) IN (SELECT * FROM unnest($1::text[], $2::text[]::uuid[]))
         ORDER BY campaign, person_id
           FOR UPDATE OF person
        """,
        *_columns(keys),
    )
    return {(row["campaign"], row["person_id"]) for row in rows}


async def load(tx: Connection, keys: Collection[Key]) -> dict[Key, Known]:
    """Persons as they are known, with the last revisions. Lock them first to build on it."""
    recordings, decided = await _recordings(tx, keys)
    voided, reattributed = await _operations(tx, keys)
    states = await _states(tx, keys)
    found = {}
    for key in keys:
        person = Person({r.submission_id: r for r in recordings[key]}, reattributed.get(key))
        for submission_id in voided[key]:
            person = person.voided(submission_id)
        state, revision, known_at = states.get(key, (None, 0, None))
        found[key] = Known(*key, person, state, revision, known_at, decided[key])
    return found


async def _recordings(
    tx: Connection, keys: Collection[Key]
) -> tuple[dict[Key, list[Recording]], dict[Key, dict[str, Decided]]]:
    rows = await tx.fetch(
        """
        SELECT campaign, link.person_id::text, submission_id::text, submission.device_id, submission.device_seq,
               recorded_at, recorded_on, received_at, kind, "group", domicile_regency, session_id::text, held,
               last.outcome, last.reason, last.revision, last.known_at
          FROM unnest($1::text[], $2::text[]::uuid[]) AS wanted (campaign, person_id)
          JOIN enrollment.person_submission AS link USING (campaign, person_id)
          JOIN enrollment.submission USING (campaign, submission_id)
          JOIN LATERAL (
                   SELECT outcome, reason, revision, known_at FROM enrollment.decision
                    WHERE decision.campaign = link.campaign AND decision.submission_id = link.submission_id
                    ORDER BY revision DESC LIMIT 1) AS last ON true
        """,
        *_columns(keys),
    )
    recordings: dict[Key, list[Recording]] = defaultdict(list)
    decided: dict[Key, dict[str, Decided]] = defaultdict(dict)
    for row in rows:
        key, values = (row["campaign"], row["person_id"]), tuple(row)[2:]
        recordings[key].append(Recording(*values[:11]))
        outcome, reason, revision, known_at = values[11:]
        decided[key][values[0]] = Decided(Decision(outcome, reason), revision, known_at)
    return recordings, decided


async def _operations(tx: Connection, keys: Collection[Key]) -> tuple[dict[Key, set[str]], dict[Key, str]]:
    """The voided submissions and the office's word on the group: of each the last."""
    rows = await tx.fetch(
        """
        SELECT campaign, person_id::text, operation, submission_id::text, "group" FROM enrollment.operation
         WHERE (campaign, person_id) IN (SELECT * FROM unnest($1::text[], $2::text[]::uuid[]))
         ORDER BY number
        """,
        *_columns(keys),
    )
    voided: dict[Key, set[str]] = defaultdict(set)
    reattributed: dict[Key, str] = {}
    for campaign, person_id, operation, submission_id, group in rows:
        if operation == "void":
            voided[campaign, person_id].add(submission_id)
        elif operation == "restore":
            voided[campaign, person_id].discard(submission_id)
        else:
            reattributed[campaign, person_id] = group
    return voided, reattributed


async def last_voided(tx: Connection, key: Key) -> str | None:
    """The submission that was voided last of those that still are."""
    found: str | None = await tx.fetchval(
        """
        SELECT submission_id::text
          FROM (SELECT DISTINCT ON (submission_id) submission_id, operation, number FROM enrollment.operation
                 WHERE campaign = $1 AND person_id = $2::text::uuid AND operation IN ('void', 'restore')
                 ORDER BY submission_id, number DESC) AS last
         WHERE operation = 'void' ORDER BY number DESC LIMIT 1
        """,
        *key,
    )
    return found


async def _states(tx: Connection, keys: Collection[Key]) -> dict[Key, tuple[State, int, datetime]]:
    rows = await tx.fetch(
        """
        SELECT campaign, person_id::text, last.counts, last."group", last.submission_id::text, revision, known_at
          FROM unnest($1::text[], $2::text[]::uuid[]) AS wanted (campaign, person_id)
          JOIN LATERAL (
                   SELECT counts, "group", submission_id, revision, known_at FROM enrollment.person_revision
                    WHERE person_revision.campaign = wanted.campaign AND person_revision.person_id = wanted.person_id
                    ORDER BY revision DESC LIMIT 1) AS last ON true
        """,
        *_columns(keys),
    )
    return {
        (campaign, person_id): (State(counts, group, submission_id), revision, known_at)
        for campaign, person_id, counts, group, submission_id, revision, known_at in rows
    }


async def last_revision(tx: Connection, key: Key) -> dict[str, Any] | None:
    """A person's last revision as JSON; None as long as no recording has ever counted."""
    row = await tx.fetchval(
        """
        SELECT (to_jsonb(person_revision) - 'type')::text FROM enrollment.person_revision
         WHERE campaign = $1 AND person_id = $2::text::uuid ORDER BY revision DESC LIMIT 1
        """,
        *key,
    )
    found: dict[str, Any] | None = None if row is None else json.loads(row)
    return found


async def add_person_revisions(tx: Connection, steps: Iterable[Step]) -> None:
    """Appends what the steps say of persons."""
    rows: list[dict[str, Any]] = []
    for step in steps:
        if step.person_event is not None and step.known.state is not None:
            event = step.person_event.model_dump(mode="json")
            rows.append({**event, "type": step.person_event.type, "submission_id": step.known.state.submission_id})
    if rows:
        await tx.execute(
            """
            INSERT INTO enrollment.person_revision
            SELECT * FROM jsonb_populate_recordset(NULL::enrollment.person_revision, $1::text::jsonb)
            """,
            json.dumps(rows),
        )


async def add_operation(
    tx: Connection,
    key: Key,
    operation: str,
    *,
    submission_id: str | None,
    group: str | None,
    reason: str,
    known_at: datetime,
) -> None:
    """Appends what the office did to a person whose row is locked."""
    await tx.execute(
        """
        INSERT INTO enrollment.operation
               (campaign, person_id, number, operation, submission_id, "group", reason, known_at)
        SELECT $1, $2::text::uuid, 1 + coalesce(max(number), 0), $3, $4::text::uuid, $5, $6, $7
          FROM enrollment.operation WHERE campaign = $1 AND person_id = $2::text::uuid
        """,
        *key,
        operation,
        submission_id,
        group,
        reason,
        known_at,
    )


def _columns(keys: Collection[Key]) -> tuple[list[str], list[str]]:
    return [key[0] for key in keys], [key[1] for key in keys]
