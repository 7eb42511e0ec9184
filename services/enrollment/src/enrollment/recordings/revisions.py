"""From one state of a person to the next: what changed, as events with their revisions. Pure: no I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from contracts.decisions import SubmissionDecided
from contracts.envelope import next_known_at
from contracts.recordings import Recording as RecordingEvent
from contracts.recordings import RecordingCompleted, RecordingReattributed, RecordingVoided
from enrollment.recordings.rules import Cause, Decision, Person, Recording, State, decisions, state

TYPE_OF: Final[Mapping[Cause, type[RecordingEvent]]] = {
    "recorded": RecordingCompleted,
    "earlier_recording": RecordingCompleted,
    "voided": RecordingVoided,
    "restored": RecordingCompleted,
    "reattributed": RecordingReattributed,
}


@dataclass(frozen=True, slots=True)
class Decided:
    """A submission's last decision."""

    decision: Decision
    revision: int
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """A person with the last revisions that were published. Revision 0: nothing was, since none has ever counted."""

    campaign: str
    person_id: str
    person: Person = field(default_factory=Person)
    state: State | None = None
    revision: int = 0
    known_at: datetime | None = None
    decided: Mapping[str, Decided] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A person after a change, and the events that tell it; `person_event` is None when nothing visible changed."""

    known: Known
    person_event: RecordingEvent | None
    decision_events: list[SubmissionDecided]


def change(known: Known, person: Person, cause: Cause, now: datetime) -> Step:
    """Compares a person with what was published, and gives what changed its next revision and `known_at`."""
    decided = dict(known.decided)
    decision_events = []
    for submission_id, decision in decisions(person).items():
        last = decided.get(submission_id)
        if last is None or last.decision != decision:
            event = decision_event(known.campaign, person.recordings[submission_id], decision, last, now)
            decided[submission_id] = Decided(decision, event.revision, event.known_at)
            decision_events.append(event)
    after, revision, known_at = state(person, known.state), known.revision, known.known_at
    person_event = None
    if after is not None and after != known.state:
        revision, known_at = revision + 1, next_known_at(now, known_at)
        recording = person.recordings[after.submission_id]
        person_event = _person_event(known, after, recording, revision, known_at, cause)
    return Step(
        Known(known.campaign, known.person_id, person, after, revision, known_at, decided),
        person_event,
        decision_events,
    )


def decision_event(
    campaign: str, recording: Recording, decision: Decision, last: Decided | None, now: datetime
) -> SubmissionDecided:
    """The next revision of a submission's decision."""
    return SubmissionDecided(
        campaign=campaign,
        revision=last.revision + 1 if last else 1,
        known_at=next_known_at(now, last.known_at if last else None),
        submission_id=recording.submission_id,
        device_id=recording.device_id,
        device_seq=recording.device_seq,
        outcome=decision.outcome,
        reason=decision.reason,
    )


def _person_event(
    known: Known, after: State, recording: Recording, revision: int, known_at: datetime, cause: Cause
) -> RecordingEvent:
    return TYPE_OF[cause](
        campaign=known.campaign,
        revision=revision,
        known_at=known_at,
        person_id=known.person_id,
        counts=after.counts,
        cause=cause,
        group=after.group,
        domicile_regency=recording.domicile_regency,
        kind=recording.kind,
        session_id=recording.session_id,
        recorded_at=recording.recorded_at,
        recorded_on=recording.recorded_on,
        received_at=recording.received_at,
    )
