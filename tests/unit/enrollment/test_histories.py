"""Whatever happens to a person, in whatever order: what is published is what the fold says."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.decisions import SubmissionDecided
from contracts.recordings import Recording
from enrollment.persons.revisions import KnownPerson, LastDecision, Step, change
from enrollment.persons.rules import (
    Decision,
    Person,
    Submission,
    cause_of_arrival,
    counting,
    decisions,
    state,
)
from tests.unit.enrollment.people import outcomes, person, recording

PERSON = "00000000-0000-5000-8000-000000000000"


EARLY = datetime(2024, 11, 1, tzinfo=UTC)
groups = st.sampled_from([None, "outside", "npsn:20533456", "npsn:20533457"])
recordings = st.lists(
    st.builds(
        lambda number, day, group, held: recording(number, day=day, group=group, held=held),
        st.integers(0, 6),
        st.integers(1, 3),
        groups,
        st.sampled_from([None, None, None, "under_age"]),
    ),
    max_size=7,
    unique_by=lambda r: r.submission_id,
)


def by_hand(of: Person) -> str | None:
    """Who counts, said in another way: sort, take the first."""
    standing = sorted(
        (r.recorded_at, r.submission_id) for r in of.submissions.values() if r.held is None and not r.voided
    )
    return standing[0][1] if standing else None


@given(arriving=recordings, data=st.data())
def test_order_and_repeats_change_nothing(arriving: list[Submission], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(arriving + arriving))
    voided = data.draw(st.sets(st.sampled_from([r.submission_id for r in arriving]))) if arriving else set()

    def fold(order: list[Submission]) -> Person:
        of = Person()
        for one in order:
            if one.submission_id not in of.submissions:  # the inbox: a submission is taken once
                of = of.recorded(one)
        for submission_id in voided:
            of = of.voided(submission_id)
        return of

    assert decisions(fold(shuffled)) == decisions(fold(arriving))
    assert state(fold(shuffled), None) == state(fold(arriving), None)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """What may happen to a person, in an order in which it may."""
    to_come, there, voided = list(draw(recordings)), [], set()
    history: list[tuple[str, Any]] = []
    for _ in range(draw(st.integers(0, 20))):
        choices = ["reattribute"] * bool(there) + ["arrive"] * 2 * bool(to_come)
        choices += ["void"] * bool(set(there) - voided) + ["restore"] * bool(voided)
        if not choices:
            break
        what = draw(st.sampled_from(choices))
        if what == "arrive":
            one = to_come.pop()
            there.append(one.submission_id)
            history.append((what, one))
        elif what == "void":
            one_id = draw(st.sampled_from(sorted(set(there) - voided)))
            voided.add(one_id)
            history.append((what, one_id))
        elif what == "restore":
            one_id = draw(st.sampled_from(sorted(voided)))
            voided.discard(one_id)
            history.append((what, one_id))
        else:
            history.append((what, draw(st.sampled_from(["outside:mutasi", "npsn:20533458"]))))
    return history


class History:
    """A person's whole history beside what the service has of it: a part, that is carried on or read anew.

    `whole` has every submission; `told` has what was published of each.
    """

    def __init__(self) -> None:
        self.known = KnownPerson("malang-2024", PERSON)
        self.whole = Person()
        self.events: list[Recording] = []
        self.told: dict[str, SubmissionDecided] = {}

    def happen(self, what: str, subject: Any, now: datetime = EARLY) -> Step:
        """Changes both: the whole by folding all of it, the part as the service does."""
        known = self.known
        if what in ("void", "restore"):
            standing = {one: r for one, r in self.whole.submissions.items() if r.stands and one != subject}
            following = counting(standing.values())
            known = self.recall(known, subject, *([] if following is None else [following.submission_id]))
        match what:
            case "arrive":
                cause = cause_of_arrival(known.state)
                self.whole, part = self.whole.recorded(subject), known.person.recorded(subject)
            case "void":
                cause, self.whole, part = "voided", self.whole.voided(subject), known.person.voided(subject)
            case "restore":
                cause, self.whole, part = "restored", self.whole.restored(subject), known.person.restored(subject)
            case _:
                cause = "reattributed"
                self.whole, part = self.whole.reattributed_to(subject), known.person.reattributed_to(subject)
        step = change(known, part, cause, now)
        self.known = step.known
        self.events += [] if step.person_event is None else [step.person_event]
        self.told |= {event.submission_id: event for event in step.decision_events}
        return step

    def recall(self, known: KnownPerson, *submission_ids: str) -> KnownPerson:
        for one in submission_ids:
            told = self.told[one]
            last = LastDecision(Decision(told.outcome, told.reason), told.revision, told.known_at)
            known = known.recalling(self.whole.submissions[one], last)
        return known

    def read_anew(self) -> KnownPerson:
        """As the next batch finds the person, from what is kept."""
        last, state_ = self.events[-1] if self.events else None, self.known.state
        if last is None or state_ is None:
            return KnownPerson("malang-2024", PERSON, Person(reattributed=self.whole.reattributed))
        bare = KnownPerson(
            "malang-2024", PERSON, Person(reattributed=self.whole.reattributed), state_, last.revision, last.known_at
        )
        return self.recall(bare, state_.submission_id)


@pytest.mark.properties
@settings(max_examples=400)
@given(history=histories(), minutes=st.lists(st.integers(0, 60), min_size=20, max_size=20))
def test_what_is_published_step_by_step_is_what_the_fold_says(
    history: list[tuple[str, Any]], minutes: list[int]
) -> None:
    """Of a part of the submissions, step by step, as of all of them at once, wherever a batch ends."""
    of, last = History(), dict[str, SubmissionDecided]()
    for (what, subject), minute in zip(history, minutes, strict=False):
        before, said = of.known, len(of.events)
        step = of.happen(what, subject, EARLY + timedelta(minutes=minute))  # a clock that jumps
        assert of.known.state == state(of.whole, before.state)  # of the part as of the whole
        assert (len(of.events) > said) == (of.known.state != before.state)  # nothing visible, nothing said
        for event in step.decision_events:
            earlier = last.get(event.submission_id)
            assert event.revision == (earlier.revision + 1 if earlier else 1)
            assert earlier is None or event.known_at > earlier.known_at
            assert earlier is None or (event.outcome, event.reason) != (earlier.outcome, earlier.reason)
            last[event.submission_id] = event
        assert {one: Decision(e.outcome, e.reason) for one, e in of.told.items()} == decisions(of.whole)
        assert of.known == of.read_anew()  # a batch may end anywhere
        assert len(of.known.person.submissions) <= 1  # however many there were
    assert [e.revision for e in of.events] == list(range(1, len(of.events) + 1))
    assert all(a.known_at < b.known_at for a, b in itertools.pairwise(of.events))
    counts = by_hand(of.whole)
    assert sum(e.outcome == "counted" for e in of.told.values()) == (counts is not None)
    assert (of.events[-1].counts if of.events else False) == (counts is not None)
    if counts is not None:
        first, event = of.whole.submissions[counts], of.events[-1]
        assert of.told[counts].outcome == "counted"
        assert (event.recorded_at, event.recorded_on, event.received_at) == (
            first.recorded_at,
            first.recorded_on,
            first.received_at,
        )
        assert event.group == (of.whole.reattributed or first.group or "outside")


@given(arriving=recordings)
def test_at_most_one_counts_and_nothing_that_is_held_or_voided(arriving: list[Submission]) -> None:
    of = person(*arriving)
    assert outcomes(of).count("counted") == (counting(arriving) is not None)
    assert all(decisions(of)[r.submission_id].outcome == "held" for r in arriving if r.held)


# -- the type and the cause of what is published


def causes(*happening: tuple[str, Any]) -> list[tuple[str, str, bool]]:
    of = History()
    for what, subject in happening:
        of.happen(what, subject)
    return [(event.type.split(".")[1], event.cause, event.counts) for event in of.events]


ONE, TWO = recording(1, day=1), recording(2, day=2)


def test_the_first_recording_is_completed_recorded() -> None:
    assert causes(("arrive", ONE)) == [("recording-completed", "recorded", True)]


def test_a_mere_duplicate_says_nothing_of_the_person() -> None:
    assert causes(("arrive", ONE), ("arrive", TWO)) == [("recording-completed", "recorded", True)]


def test_an_earlier_one_that_arrives_late_is_completed_earlier_recording() -> None:
    assert causes(("arrive", TWO), ("arrive", ONE))[1:] == [("recording-completed", "earlier_recording", True)]


def test_a_void_that_promotes_still_counts() -> None:
    assert causes(("arrive", ONE), ("arrive", TWO), ("void", ONE.submission_id))[1:] == [
        ("recording-voided", "voided", True)
    ]


def test_a_void_of_the_only_one_no_longer_counts_and_a_restore_does_again() -> None:
    assert causes(("arrive", ONE), ("void", ONE.submission_id), ("restore", ONE.submission_id))[1:] == [
        ("recording-voided", "voided", False),
        ("recording-completed", "restored", True),
    ]


def test_a_void_of_a_duplicate_says_nothing_of_the_person() -> None:
    assert len(causes(("arrive", ONE), ("arrive", TWO), ("void", TWO.submission_id))) == 1


def test_recorded_again_after_all_was_voided_is_recorded() -> None:
    assert causes(("arrive", ONE), ("void", ONE.submission_id), ("arrive", TWO))[2:] == [
        ("recording-completed", "recorded", True)
    ]


def test_a_reattribution_is_said_once() -> None:
    twice = [("reattribute", "outside:mutasi")] * 2
    assert causes(("arrive", ONE), *twice)[1:] == [("recording-reattributed", "reattributed", True)]


# -- what is said of a person once nothing counts

GONE = [("arrive", recording(1, day=3, group="npsn:20533456")), ("void", ONE.submission_id)]


def last_said(*happening: tuple[str, Any]) -> tuple[int, str, bool, str, int]:
    """Revision, cause, whether they count, group and day of October."""
    of = History()
    for what, subject in happening:
        of.happen(what, subject)
    event = of.events[-1]
    return event.revision, event.cause, event.counts, event.group, event.recorded_on.day


def test_it_is_the_day_and_the_group_of_the_last_that_counted() -> None:
    assert last_said(*GONE) == (2, "voided", False, "npsn:20533456", 3)
    earlier = ("arrive", recording(2, day=2, group="npsn:20533457"))
    one, void_one = GONE
    assert last_said(earlier, one, ("void", TWO.submission_id), void_one) == (3, "voided", False, "npsn:20533456", 3)


def test_where_the_office_puts_them_is_said_though_nothing_counts() -> None:
    assert last_said(*GONE, ("reattribute", "outside:mutasi")) == (3, "reattributed", False, "outside:mutasi", 3)


def test_there_they_count_again() -> None:
    moved = [*GONE, ("reattribute", "outside:mutasi")]
    assert last_said(*moved, ("restore", ONE.submission_id)) == (4, "restored", True, "outside:mutasi", 3)
    again = ("arrive", recording(2, day=5, group="npsn:20533457"))
    assert last_said(*moved, again) == (4, "recorded", True, "outside:mutasi", 5)


def test_what_cannot_count_says_nothing_new_of_them() -> None:
    held = recording(2, day=1, group="npsn:20533457", held="under_age")
    assert last_said(*GONE, ("arrive", held)) == last_said(*GONE)
    assert last_said(*GONE, ("arrive", held), ("void", held.submission_id)) == last_said(*GONE)
    assert last_said(*GONE, ("arrive", held), ("restore", ONE.submission_id))[2:] == (True, "npsn:20533456", 3)


def test_of_whom_nothing_ever_counted_the_office_may_say_where_and_it_holds_once_one_does() -> None:
    held = recording(2, day=1, held="under_age")
    first = ("arrive", recording(1, day=3, group="npsn:20533456"))
    assert last_said(("arrive", held), ("reattribute", "outside:mutasi"), first) == (
        1, "recorded", True, "outside:mutasi", 3,
    )  # fmt: skip


def test_what_is_published_of_a_late_one_is_of_its_own_day() -> None:
    """Recorded on Friday and received on Monday: the day is Friday's, whichever way the record went."""
    friday = recording(0, day=4)
    late = replace(friday, received_at=friday.received_at + timedelta(days=3))
    before = KnownPerson("kota-contoh", PERSON, Person(), None, 0, None)
    event = change(before, before.person.recorded(late), "recorded", late.received_at).person_event
    assert event is not None
    assert (event.recorded_at, event.recorded_on) == (friday.recorded_at, friday.recorded_on)
    assert event.received_at == late.received_at


def test_a_persons_event_says_all_of_the_recording_that_counts() -> None:
    session = "00000000-0000-7000-8000-0000000000ff"
    counts = recording(1, kind="school_visit", domicile_regency="35.79", session_id=session)
    event = change(KnownPerson("malang-2024", PERSON), person(counts), "recorded", counts.received_at).person_event
    assert event is not None
    for name in ("kind", "domicile_regency", "session_id", "recorded_at", "recorded_on", "received_at"):
        assert getattr(event, name) == getattr(counts, name), name
