"""Who counts, and where. Pure: no I/O, no clock.

One person counts once: of the standing recordings the earliest counts, the others are duplicates. A person is folded
from submissions that arrive late, twice and in any order; who counts depends on none of that.

Nor does it take all of them. What is said of some is the same among all, as long as they have the one that counts: the
others stay what they were. So an arrival is compared with one submission, a void with the next that stands besides.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final, Literal
from uuid import uuid5

from contracts.decisions import Outcome
from contracts.envelope import NAMESPACE

OUTSIDE: Final = "outside"
AHEAD: Final = timedelta(minutes=5)  # how far a counter's clock may run before the broker's
AGE_TO_RECORD: Final = 16
AGE_TO_VOTE: Final = 17

# Every reason a decision can have; docs/integrating.md explains them.
HeldReason = Literal["before_opening", "in_the_future", "under_age", "not_a_voter"]
UnidentifiedReason = Literal["unknown_key", "cannot_open", "malformed_identity", "malformed_nik"]
Reason = HeldReason | UnidentifiedReason | Literal["voided"]
Cause = Literal["recorded", "earlier_recording", "voided", "restored", "reattributed"]


@dataclass(frozen=True, slots=True)
class Submission:
    """One person's recording as a counter told it. What is `held` or `voided` does not count."""

    submission_id: str
    device_id: str
    device_seq: int
    recorded_at: datetime
    recorded_on: date
    received_at: datetime
    kind: str
    group: str | None = None
    domicile_regency: str | None = None
    session_id: str | None = None
    held: HeldReason | None = None
    voided: bool = False

    @property
    def stands(self) -> bool:
        """Whether it may count."""
        return self.held is None and not self.voided


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of one person: of their submissions, by id, as many as it takes; the office's word on the group."""

    submissions: Mapping[str, Submission] = field(default_factory=dict)
    reattributed: str | None = None

    def recorded(self, submission: Submission) -> "Person":
        """After a recording arrived."""
        return replace(self, submissions={**self.submissions, submission.submission_id: submission})

    def voided(self, submission_id: str) -> "Person":
        """After the office took one of the recordings back."""
        return self.recorded(replace(self.submissions[submission_id], voided=True))

    def restored(self, submission_id: str) -> "Person":
        """After the office let a voided one stand again."""
        return self.recorded(replace(self.submissions[submission_id], voided=False))

    def reattributed_to(self, group: str | None) -> "Person":
        """After the office said where the person counts, whatever the counters say."""
        return replace(self, reattributed=group)

    def only(self, *submission_ids: str) -> "Person":
        """Without the other submissions."""
        return replace(self, submissions={kept: self.submissions[kept] for kept in submission_ids})


@dataclass(frozen=True, slots=True)
class State:
    """What a person's last revision says. Once none counts, `submission_id` is the one that last did."""

    counts: bool
    group: str
    submission_id: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a submission."""

    outcome: Outcome
    reason: Reason | None = None


def person_id_of(campaign: str, first_submission_id: str) -> str:
    """Derived from the person's first submission, never from the NIK: a second run gives the same."""
    return str(uuid5(NAMESPACE, f"person/{campaign}/{first_submission_id}"))


def held_because(
    *,
    recorded_at: datetime,
    recorded_on: date,
    received_at: datetime,
    opens_on: date,
    age_when_recorded: int,
    age_on_voting_day: int,
    married: bool,
) -> HeldReason | None:
    """Why a recording is shown and does not count, if so. Ages are completed years on days of the campaign's zone."""
    if recorded_on < opens_on:
        return "before_opening"
    if recorded_at > received_at + AHEAD:
        return "in_the_future"
    if age_when_recorded < AGE_TO_RECORD:
        return "under_age"
    if age_on_voting_day < AGE_TO_VOTE and not married:
        return "not_a_voter"
    return None


def counting(submissions: Iterable[Submission]) -> Submission | None:
    """The one that counts: the earliest that stands."""
    return min((r for r in submissions if r.stands), key=lambda r: (r.recorded_at, r.submission_id), default=None)


def decisions(person: Person) -> dict[str, Decision]:
    """The outcome of every submission of a person."""
    first = counting(person.submissions.values())
    return {submission_id: _decision(submission, first) for submission_id, submission in person.submissions.items()}


def _decision(submission: Submission, first: Submission | None) -> Decision:
    if submission.voided:
        return Decision("rejected", "voided")
    if submission.held is not None:
        return Decision("held", submission.held)
    return Decision("counted" if submission is first else "duplicate")


def state(person: Person, last: State | None) -> State | None:
    """What is to be said of a person; None as long as no recording has ever counted. `last` was said before."""
    first = counting(person.submissions.values())
    if first is not None:
        return State(True, person.reattributed or first.group or OUTSIDE, first.submission_id)
    if last is not None:
        return State(False, person.reattributed or last.group, last.submission_id)
    return None


def cause_of_arrival(last: State | None) -> Cause:
    """Why a recording that arrived changed the person's state, if it did."""
    return "earlier_recording" if last is not None and last.counts else "recorded"
