"""SQL of persons and their decisions. A handful of statements for a batch, however many submissions it has."""

from collections import defaultdict
from collections.abc import Collection, Iterable
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


async def load(tx: Connection, keys: Collection[Key]) -> dict[Key, KnownPerson]:
    """Persons as they are known, with the last revisions. Lock them first to build on it."""
    submissions, decided = await _submissions(tx, keys)
    voided, reattributed = await _operations(tx, keys)
    states = await _states(tx, keys)
    persons = {}
    for key in keys:
        person = Person({r.submission_id: r for r in submissions[key]}, reattributed.get(key))
        for submission_id in voided[key]:
            person = person.voided(submission_id)
        state, revision, known_at = states.get(key, (None, 0, None))
        persons[key] = KnownPerson(*key, person, state, revision, known_at, decided[key])
    return persons


async def _submissions(
    tx: Connection, keys: Collection[Key]
) -> tuple[dict[Key, list[Submission]], dict[Key, dict[str, LastDecision]]]:
    rows = await tx.fetch(
        """
        SELECT campaign, link.person_id::text, submission_id::text, submission.device_id, submission.device_seq,
               recorded_at, recorded_on, received_at, kind, "group", domicile_regency, session_id::text, held,
               last.outcome, last.reason, last.revision, last.known_at
          FROM unnest($1::text[], $2::text[]::uuid[]) AS wanted (campaign, person_id)
          JOIN enrollment.person_submission AS link USING (campaign, person_id)
          JOIN enrollment.submission USING (campaign, submission_id)
          JOIN LATERAL (
                   SELECT data ->> 'outcome' AS outcome, data ->> 'reason' AS reason, revision, known_at
                     FROM enrollment.submission_decision_revision AS decision
                    WHERE decision.campaign = link.campaign AND decision.id = link.submission_id::text
                    ORDER BY revision DESC LIMIT 1) AS last ON true
        """,
        *columns(keys),
    )
    submissions: dict[Key, list[Submission]] = defaultdict(list)
    decided: dict[Key, dict[str, LastDecision]] = defaultdict(dict)
    for row in rows:
        key, values = (row["campaign"], row["person_id"]), tuple(row)[2:]
        submissions[key].append(Submission(*values[:11]))
        outcome, reason, revision, known_at = values[11:]
        decided[key][values[0]] = LastDecision(Decision(outcome, reason), revision, known_at)
    return submissions, decided


async def _operations(tx: Connection, keys: Collection[Key]) -> tuple[dict[Key, set[str]], dict[Key, str]]:
    """The voided submissions and the office's word on the group: of each the last."""
    rows = await tx.fetch(
        """
        SELECT campaign, person_id::text, operation, submission_id::text, "group" FROM enrollment.operation
         WHERE (campaign, person_id) IN (SELECT * FROM unnest($1::text[], $2::text[]::uuid[]))
         ORDER BY number
        """,
        *columns(keys),
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
    submission_id: str | None = await tx.fetchval(
        """
        SELECT submission_id::text
          FROM (SELECT DISTINCT ON (submission_id) submission_id, operation, number FROM enrollment.operation
                 WHERE campaign = $1 AND person_id = $2::text::uuid AND operation IN ('void', 'restore')
                 ORDER BY submission_id, number DESC) AS last
         WHERE operation = 'void' ORDER BY number DESC LIMIT 1
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
