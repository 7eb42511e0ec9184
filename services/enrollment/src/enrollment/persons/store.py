"""SQL of persons and their decisions: a handful of statements for a batch, that read what changes and no history."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from contracts.recordings import Recording
from contracts.topics import RECORDINGS
from enrollment.persons.revisions import KnownPerson, LastDecision, Step
from enrollment.persons.rules import Decision, Person, State, Submission
from exactly_once import Connection, FactTable

Key = tuple[str, str]  # campaign and id
# Beside the event: `submission_id`, the submission that the revision comes from.
PERSONS: Final[FactTable[Recording]] = FactTable("enrollment.person_revision", *RECORDINGS.types)  # type: ignore[arg-type]


async def lock(tx: Connection, keys: Collection[Key]) -> set[Key]:
    """Locks persons in one order for all transactions, and returns which exist. Read them only afterwards."""
    rows = await tx.fetch(
        """
        SELECT campaign, person_id::text FROM enrollment.person
         WHERE (campaign, person_id) IN (SELECT * FROM unnest($1::text[], $2::text[]::uuid[]))
         ORDER BY campaign, person_id
           FOR UPDATE OF person
        """,
        *columns(keys),
    )
    return {(row["campaign"], row["person_id"]) for row in rows}


async def exists(tx: Connection, key: Key) -> bool:
    query = "SELECT EXISTS (SELECT FROM enrollment.person WHERE campaign = $1 AND person_id = $2::text::uuid)"
    is_there: bool = await tx.fetchval(query, *key)
    return is_there


async def load(tx: Connection, keys: Collection[Key]) -> dict[Key, KnownPerson]:
    """Persons as they are known, each with the one submission that the last revision comes from.

    That is all an arrival is compared with, and `recall` adds what the office means. Lock them first to build on it.
    """
    states, reattributed = await _states(tx, keys), await _reattributed(tx, keys)
    submissions = await _submissions(
        tx, [(campaign, state.submission_id) for (campaign, _), (state, *_) in states.items()]
    )
    persons = {}
    for key in keys:
        state, revision, known_at = states.get(key, (None, 0, None))
        person = KnownPerson(*key, Person(reattributed=reattributed.get(key)), state, revision, known_at)
        persons[key] = person if state is None else person.recalling(*submissions[key[0], state.submission_id])
    return persons


async def recall(tx: Connection, person: KnownPerson, submission_ids: Collection[str]) -> KnownPerson:
    """The person with these submissions too; those that are not theirs are left out."""
    theirs = await tx.fetch(
        """
        SELECT $1::text, sent.submission_id
          FROM unnest($3::text[]) AS sent (submission_id)
         CROSS JOIN LATERAL (
                   SELECT person_id FROM enrollment.person_submission AS stored
                    WHERE stored.campaign = $1 AND stored.submission_id = sent.submission_id::uuid
                    LIMIT 1) AS link
         WHERE link.person_id = $2::text::uuid
        """,
        person.campaign,
        person.person_id,
        list(submission_ids),
    )
    for submission, last in (await _submissions(tx, [tuple(row) for row in theirs])).values():
        person = person.recalling(submission, last)
    return person


async def first_standing(tx: Connection, key: Key, *, besides: str) -> str | None:
    """The submission that counts if `besides` does not."""
    submission_id: str | None = await tx.fetchval(
        """
        SELECT submission_id::text FROM enrollment.person_submission
         WHERE campaign = $1 AND person_id = $2::text::uuid AND submission_id <> $3::text::uuid
           AND NOT held AND NOT voided
         ORDER BY recorded_at, submission_id LIMIT 1
        """,
        *key,
        besides,
    )
    return submission_id


async def page(tx: Connection, key: Key, after: str | None, limit: int) -> list[tuple[Submission, LastDecision]]:
    """A person's submissions behind one of them, None: from the first, in the order in which they would count."""
    rows = await tx.fetch(
        """
        SELECT campaign, submission_id::text FROM enrollment.person_submission
         WHERE campaign = $1 AND person_id = $2::text::uuid
           AND (recorded_at, submission_id) > (
                   SELECT recorded_at, submission_id FROM enrollment.person_submission
                    WHERE campaign = $1 AND submission_id = $3::text::uuid
                   UNION ALL SELECT '-infinity', '00000000-0000-0000-0000-000000000000' WHERE $3 IS NULL)
         ORDER BY recorded_at, submission_id LIMIT $4
        """,
        *key,
        after,
        limit,
    )
    return list((await _submissions(tx, [tuple(row) for row in rows])).values())


async def _submissions(tx: Connection, keys: Sequence[Key]) -> dict[Key, tuple[Submission, LastDecision]]:
    """Submissions with their last decisions, in the order of `keys`: each is looked up, whatever a plan may prefer."""
    rows = await tx.fetch(
        """
        SELECT sent.campaign, submission.*, link.voided, last.*
          FROM unnest($1::text[], $2::text[]::uuid[]) WITH ORDINALITY AS sent (campaign, submission_id, ord)
         CROSS JOIN LATERAL (
                   SELECT submission_id::text, device_id, device_seq, recorded_at, recorded_on, received_at, kind,
                          "group", domicile_regency, session_id::text, held
                     FROM enrollment.submission AS stored
                    WHERE stored.campaign = sent.campaign AND stored.submission_id = sent.submission_id
                    LIMIT 1) AS submission
         CROSS JOIN LATERAL (
                   SELECT voided FROM enrollment.person_submission AS stored
                    WHERE stored.campaign = sent.campaign AND stored.submission_id = sent.submission_id
                    LIMIT 1) AS link
         CROSS JOIN LATERAL (
                   SELECT data ->> 'outcome', data ->> 'reason', revision, known_at
                     FROM enrollment.submission_decision_revision AS decision
                    WHERE decision.campaign = sent.campaign AND decision.id = sent.submission_id::text
                    ORDER BY revision DESC LIMIT 1) AS last
         ORDER BY ord
        """,
        *columns(keys),
    )
    return {
        (campaign, values[0]): (Submission(*values), LastDecision(Decision(outcome, reason), revision, known_at))
        for campaign, *values, outcome, reason, revision, known_at in rows
    }


async def _reattributed(tx: Connection, keys: Collection[Key]) -> dict[Key, str]:
    """The office's last word on the group."""
    rows = await tx.fetch(
        """
        SELECT wanted.campaign, wanted.person_id::text, last."group"
          FROM unnest($1::text[], $2::text[]::uuid[]) AS wanted (campaign, person_id)
         CROSS JOIN LATERAL (
                   SELECT "group" FROM enrollment.operation
                    WHERE operation.campaign = wanted.campaign AND operation.person_id = wanted.person_id
                      AND operation = 'reattribute'
                    ORDER BY number DESC LIMIT 1) AS last
        """,
        *columns(keys),
    )
    return {(campaign, person_id): group for campaign, person_id, group in rows}


async def last_voided(tx: Connection, key: Key) -> str | None:
    """The submission that was voided last of those that still are."""
    submission_id: str | None = await tx.fetchval(
        """
        SELECT operation.submission_id::text
          FROM enrollment.operation
         CROSS JOIN LATERAL (
                   SELECT voided FROM enrollment.person_submission AS stored
                    WHERE stored.campaign = operation.campaign AND stored.submission_id = operation.submission_id
                    LIMIT 1) AS link
         WHERE campaign = $1 AND person_id = $2::text::uuid AND operation = 'void' AND link.voided
         ORDER BY number DESC LIMIT 1
        """,
        *key,
    )
    return submission_id


async def _states(tx: Connection, keys: Collection[Key]) -> dict[Key, tuple[State, int, datetime]]:
    rows = await tx.fetch(
        """
        SELECT wanted.campaign, wanted.id, (data -> 'counts')::boolean, data ->> 'group', submission_id::text, revision,
               known_at
          FROM unnest($1::text[], $2::text[]) AS wanted (campaign, id)
          JOIN LATERAL (
                   SELECT data, submission_id, revision, known_at FROM enrollment.person_revision AS person
                    WHERE person.campaign = wanted.campaign AND person.id = wanted.id
                    ORDER BY revision DESC LIMIT 1) AS last ON true
        """,
        *columns(keys),
    )
    return {
        (campaign, person_id): (State(counts, group, submission_id), revision, known_at)
        for campaign, person_id, counts, group, submission_id, revision, known_at in rows
    }


async def changes_beside(tx: Connection, key: Key) -> int:
    """How often what was decided of their submissions changed, and nothing that is published of the person."""
    query = "SELECT changes_beside FROM enrollment.person WHERE campaign = $1 AND person_id = $2::text::uuid"
    number: int = await tx.fetchval(query, *key)
    return number


async def count_beside(tx: Connection, changes: Mapping[Key, int]) -> None:
    """Adds to what `changes_beside` reads; the persons are locked."""
    await tx.execute(
        """
        UPDATE enrollment.person SET changes_beside = changes_beside + new.changes
          FROM unnest($1::text[], $2::text[]::uuid[], $3::bigint[]) AS new (campaign, person_id, changes)
         WHERE person.campaign = new.campaign AND person.person_id = new.person_id
        """,
        *columns(changes.keys()),
        list(changes.values()),
    )


async def append(tx: Connection, steps: Iterable[Step]) -> None:
    """Keeps and publishes what changed of persons."""
    changed = [(step.person_event, step.known.state) for step in steps if step.person_event and step.known.state]
    submission_ids = [state.submission_id for _, state in changed]
    await PERSONS.append(tx, [event for event, _ in changed], submission_id=submission_ids)


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


def columns(keys: Collection[Key]) -> tuple[list[str], list[str]]:
    """Campaigns and ids, as arrays to unnest."""
    return [key[0] for key in keys], [key[1] for key in keys]
