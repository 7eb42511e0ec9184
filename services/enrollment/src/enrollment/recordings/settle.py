"""What is decided is stored and published together; what the office does to a person's recordings is decided here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chassis.problems import NOT_FOUND, REFUSED, Problem, invalid
from contracts.decisions import SubmissionDecided
from contracts.envelope import Event, next_known_at
from enrollment.recordings import decisions, store
from enrollment.recordings.revisions import Known, Step, change
from enrollment.recordings.rules import Cause, Person, counting
from enrollment.recordings.store import Key
from exactly_once import Connection, decision_instant, publish


@dataclass(frozen=True, slots=True)
class Operation:
    """What the office does to a person. Without `submission_id`: voids what counts, restores what was voided last."""

    operation: Literal["void", "restore", "reattribute"]
    reason: str
    submission_id: str | None = None
    group: str | None = None


async def write(
    tx: Connection, steps: Sequence[Step], nobodys: Sequence[SubmissionDecided] = ()
) -> list[SubmissionDecided]:
    """Stores and publishes what changed of persons, and the decisions on submissions that name nobody."""
    await store.add_person_revisions(tx, steps)
    decided = [event for step in steps for event in step.decision_events] + list(nobodys)
    await decisions.append(tx, decided)
    events: list[Event] = [step.person_event for step in steps if step.person_event is not None]
    await publish(tx, events + list(decided))
    return decided


async def operate(
    tx: Connection, key: Key, operation: Operation, check: Callable[[Known], None], replayed_at: datetime | None
) -> Known:
    """Does it, and answers the person as known afterwards. Raises Problem: unknown, nothing to do it to, or what
    `check` raises of the person as known before."""
    if key not in await store.lock(tx, {key}):
        raise Problem(NOT_FOUND, "There is no such person in this campaign.")
    now = await decision_instant(tx, replayed_at)
    known = (await store.load(tx, {key}))[key]
    check(known)
    submission_id, person, cause = await _effect(tx, key, known.person, operation)
    step = change(known, person, cause, now)
    await store.add_operation(
        tx,
        key,
        operation.operation,
        submission_id=submission_id,
        group=operation.group,
        reason=operation.reason,
        known_at=next_known_at(now, known.known_at),
    )
    await write(tx, [step])
    return step.known


async def _effect(tx: Connection, key: Key, person: Person, wanted: Operation) -> tuple[str | None, Person, Cause]:
    """Which submission it concerns, the person afterwards, and the cause to publish."""
    if wanted.submission_id is not None and wanted.submission_id not in person.recordings:
        raise invalid("#/submission_id", "this person has no such submission")
    if wanted.operation == "reattribute":
        return None, person.reattributed_to(wanted.group), "reattributed"
    if wanted.operation == "void":
        first = counting(person.recordings.values())
        submission_id = wanted.submission_id or (first.submission_id if first else None)
        if submission_id is None:
            raise Problem(REFUSED, "No recording of this person counts: there is nothing to void.")
        if person.recordings[submission_id].voided:
            raise Problem(REFUSED, "This submission is voided already.")
        return submission_id, person.voided(submission_id), "voided"
    submission_id = wanted.submission_id or await store.last_voided(tx, key)
    if submission_id is None or not person.recordings[submission_id].voided:
        raise Problem(REFUSED, "It is not voided: there is nothing to restore.")
    return submission_id, person.restored(submission_id), "restored"
