"""What is decided about persons: stored and published together, whether a submission arrived or the office acted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chassis.refusal import Check, Refused, Unknown, unchecked
from contracts.decisions import SubmissionDecided
from contracts.envelope import next_known_at
from enrollment.devices import decisions
from enrollment.persons import store
from enrollment.persons.revisions import KnownPerson, Step, change
from enrollment.persons.rules import Cause, Person, counting
from enrollment.persons.store import Key
from exactly_once import Connection


@dataclass(frozen=True, slots=True)
class Operation:
    """What the office does to a person. Without `submission_id`: voids what counts, restores what was voided last."""

    operation: Literal["void", "restore", "reattribute"]
    reason: str
    submission_id: str | None = None
    group: str | None = None


async def publish(
    tx: Connection, steps: Sequence[Step], unidentified: Sequence[SubmissionDecided] = ()
) -> list[SubmissionDecided]:
    """Keeps and publishes what changed of persons, and the decisions on submissions that name nobody."""
    await store.append(tx, steps)
    decided = [event for step in steps for event in step.decision_events] + list(unidentified)
    await decisions.append(tx, decided)
    return decided


async def lock_person(tx: Connection, key: Key) -> None:
    """Nobody else changes the person until the transaction ends. Raises Unknown."""
    if key not in await store.lock(tx, {key}):
        raise Unknown("There is no such person in this campaign.")


async def operate(
    tx: Connection, key: Key, operation: Operation, now: datetime, check: Check = unchecked
) -> KnownPerson:
    """Does it to a person that is locked; returns the person as known afterwards.

    Raises Refused where there is nothing to do it to, and what `check` raises of the person as known before.
    """
    before = (await store.load(tx, {key}))[key]
    check(before)
    submission_id, person, cause = await _effect(tx, key, before.person, operation)
    step = change(before, person, cause, now)
    await store.add_operation(
        tx,
        key,
        operation.operation,
        submission_id=submission_id,
        group=operation.group,
        reason=operation.reason,
        known_at=next_known_at(now, before.known_at),
    )
    await publish(tx, [step])
    return step.known


async def _effect(tx: Connection, key: Key, person: Person, wanted: Operation) -> tuple[str | None, Person, Cause]:
    """Which submission it concerns, the person afterwards, and the cause to publish."""
    if wanted.submission_id is not None and wanted.submission_id not in person.submissions:
        raise Refused("", ("#/submission_id", "this person has no such submission"))
    if wanted.operation == "reattribute":
        return None, person.reattributed_to(wanted.group), "reattributed"
    if wanted.operation == "void":
        first = counting(person.submissions.values())
        submission_id = wanted.submission_id or (first.submission_id if first else None)
        if submission_id is None:
            raise Refused("No recording of this person counts: there is nothing to void.")
        if person.submissions[submission_id].voided:
            raise Refused("This submission is voided already.")
        return submission_id, person.voided(submission_id), "voided"
    submission_id = wanted.submission_id or await store.last_voided(tx, key)
    if submission_id is None or not person.submissions[submission_id].voided:
        raise Refused("It is not voided: there is nothing to restore.")
    return submission_id, person.restored(submission_id), "restored"
