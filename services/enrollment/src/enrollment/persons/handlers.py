"""What is decided about persons: stored and published together, whether a submission arrived or the office acted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from chassis.refusal import Check, Refused, Unknown, unchecked
from contracts.decisions import SubmissionDecided
from contracts.envelope import next_known_at
from enrollment.devices import decisions
from enrollment.persons import store
from enrollment.persons.revisions import KnownPerson, Step, change
from enrollment.persons.rules import Cause, Person, State
from enrollment.persons.store import Key
from exactly_once import Connection

NOTHING_TO: Final = {
    "void": "No recording of this person counts: there is nothing to void.",
    "restore": "It is not voided: there is nothing to restore.",
}


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
    beside = Counter(
        (step.known.campaign, step.known.person_id) for step in steps if step.decision_events and not step.person_event
    )
    if beside:
        await store.count_beside(tx, beside)
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
    submission_id = await _submission_id(tx, key, before.state, operation)
    if submission_id is not None:
        following = await store.first_standing(tx, key, besides=submission_id)
        before = await store.recall(tx, before, {submission_id, *filter(None, [following])})
    person, cause = _effect(before.person, operation, submission_id)
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


async def _submission_id(tx: Connection, key: Key, state: State | None, wanted: Operation) -> str | None:
    """Which submission is meant; None: the person, whatever was submitted."""
    if wanted.operation == "reattribute":
        return None
    submission_id = wanted.submission_id
    if submission_id is None and wanted.operation == "restore":
        submission_id = await store.last_voided(tx, key)
    elif submission_id is None and state is not None and state.counts:
        submission_id = state.submission_id
    if submission_id is None:
        raise Refused(NOTHING_TO[wanted.operation])
    return submission_id


def _effect(person: Person, wanted: Operation, submission_id: str | None) -> tuple[Person, Cause]:
    """The person afterwards, and the cause to publish."""
    if submission_id is None:
        return person.reattributed_to(wanted.group), "reattributed"
    if submission_id not in person.submissions:
        raise Refused("", ("#/submission_id", "this person has no such submission"))
    voided = person.submissions[submission_id].voided
    if wanted.operation == "void":
        if voided:
            raise Refused("This submission is voided already.")
        return person.voided(submission_id), "voided"
    if not voided:
        raise Refused(NOTHING_TO["restore"])
    return person.restored(submission_id), "restored"
