"""From one state of a person to the next: what changed, as events with their revisions. Pure: no I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from contracts.decisions import SubmissionDecided
from contracts.recordings import Recording, RecordingCompleted, RecordingReattributed, RecordingVoided
from enrollment.persons.rules import Cause, Decision, Person, State, Submission, decisions, state

TYPE_OF: Final[Mapping[Cause, type[Recording]]] = {
    "recorded": RecordingCompleted,
    "earlier_recording": RecordingCompleted,
    "voided": RecordingVoided,
    "restored": RecordingCompleted,
    "reattributed": RecordingReattributed,
}


@dataclass(frozen=True, slots=True)
class LastDecision:
    """A submission's last decision."""

    decision: Decision
    revision: int
    known_at: datetime


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """A person with the last revisions that were published. Revision 0: nothing was, since none has ever counted.

    Of the submissions, `decided` has the last decisions of those that `person` has.
    """

    campaign: str
    person_id: str
    person: Person = field(default_factory=Person)
    state: State | None = None
    revision: int = 0
    known_at: datetime | None = None
    decided: Mapping[str, LastDecision] = field(default_factory=dict)

    def recalling(self, submission: Submission, last: LastDecision) -> "KnownPerson":
        """With one more of their submissions, and what was decided of it last."""
        decided = {**self.decided, submission.submission_id: last}
        return replace(self, person=self.person.recorded(submission), decided=decided)

    def settled(self) -> "KnownPerson":
        """With the one submission that the last revision comes from: the next arrival is compared with no other."""
        kept = [] if self.state is None else [self.state.submission_id]
        return replace(self, person=self.person.only(*kept), decided={each: self.decided[each] for each in kept})


@dataclass(frozen=True, slots=True)
class Step:
    """A person after a change, and the events that tell it; `person_event` is None when nothing visible changed."""

    known: KnownPerson
    person_event: Recording | None
    decision_events: list[SubmissionDecided]


def change(known: KnownPerson, person: Person, cause: Cause, now: datetime) -> Step:
    """Compares a person with what was published, and gives what changed its next revision and `known_at`."""
    decided = dict(known.decided)
    decision_events = []
    for submission_id, decision in decisions(person).items():
        last = decided.get(submission_id)
        if last is None or last.decision != decision:
            event = decision_event(known.campaign, person.submissions[submission_id], decision, last, now)
            decided[submission_id] = LastDecision(decision, event.revision, event.known_at)
            decision_events.append(event)
    after = state(person, known.state)
    settled = replace(known, person=person, state=after, decided=decided).settled()
    if after is None or after == known.state:
        return Step(settled, None, decision_events)
    told = _person_event(known, after, person.submissions[after.submission_id], now, cause)
    return Step(replace(settled, revision=told.revision, known_at=told.known_at), told, decision_events)


def decision_event(
    campaign: str, submission: Submission, decision: Decision, last: LastDecision | None, now: datetime
) -> SubmissionDecided:
    """The next revision of a submission's decision."""
    return SubmissionDecided.next(
        last,
        now,
        campaign=campaign,
        submission_id=submission.submission_id,
        device_id=submission.device_id,
        device_seq=submission.device_seq,
        outcome=decision.outcome,
        reason=decision.reason,
    )


def _person_event(known: KnownPerson, after: State, submission: Submission, now: datetime, cause: Cause) -> Recording:
    return TYPE_OF[cause].next(
        known,
        now,
        campaign=known.campaign,
        person_id=known.person_id,
        counts=after.counts,
        cause=cause,
        group=after.group,
        domicile_regency=submission.domicile_regency,
        kind=submission.kind,
        session_id=submission.session_id,
        recorded_at=submission.recorded_at,
        recorded_on=submission.recorded_on,
        received_at=submission.received_at,
    )
