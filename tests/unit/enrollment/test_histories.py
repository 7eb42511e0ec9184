"""Whatever happens to a person, in whatever order: what is published is what the fold says."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrollment.persons.revisions import KnownPerson, Step, change
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


def happen(known: KnownPerson, what: str, subject: Any, now: datetime) -> Step:
    of = known.person
    match what:
        case "arrive":
            return change(known, of.recorded(subject), cause_of_arrival(known.state), now)
        case "void":
            return change(known, of.voided(subject), "voided", now)
        case "restore":
            return change(known, of.restored(subject), "restored", now)
        case _:
            return change(known, of.reattributed_to(subject), "reattributed", now)


@pytest.mark.properties
@settings(max_examples=400)
@given(history=histories(), minutes=st.lists(st.integers(0, 60), min_size=20, max_size=20))
def test_what_is_published_step_by_step_is_what_the_fold_says(
    history: list[tuple[str, Any]], minutes: list[int]
) -> None:
    known, events, told = KnownPerson("malang-2024", PERSON), [], {}
    for (what, subject), minute in zip(history, minutes, strict=False):
        before, step = known, happen(known, what, subject, EARLY + timedelta(minutes=minute))  # a clock that jumps
        known = step.known
        assert (step.person_event is not None) == (known.state != before.state)  # nothing visible, nothing said
        if step.person_event is not None:
            events.append(step.person_event)
        for event in step.decision_events:
            last = told.get(event.submission_id)
            assert event.revision == (last.revision + 1 if last else 1)
            assert last is None or event.known_at > last.known_at
            assert last is None or (event.outcome, event.reason) != (last.outcome, last.reason)
            told[event.submission_id] = event
    assert {one: Decision(e.outcome, e.reason) for one, e in told.items()} == decisions(known.person)
    assert [e.revision for e in events] == list(range(1, len(events) + 1))
    assert all(a.known_at < b.known_at for a, b in itertools.pairwise(events))
    counts = by_hand(known.person)
    assert sum(e.outcome == "counted" for e in told.values()) == (counts is not None)
    assert (events[-1].counts if events else False) == (counts is not None)
    if counts is not None:
        first, last = known.person.submissions[counts], events[-1]
        assert told[counts].outcome == "counted"
        assert (last.recorded_at, last.recorded_on, last.received_at) == (
            first.recorded_at,
            first.recorded_on,
            first.received_at,
        )
        assert last.group == (known.person.reattributed or first.group or "outside")


@given(arriving=recordings)
def test_at_most_one_counts_and_nothing_that_is_held_or_voided(arriving: list[Submission]) -> None:
    of = person(*arriving)
    assert outcomes(of).count("counted") == (counting(arriving) is not None)
    assert all(decisions(of)[r.submission_id].outcome == "held" for r in arriving if r.held)


# -- the type and the cause of what is published


def causes(*happening: tuple[str, Any]) -> list[tuple[str, str, bool]]:
    known, said = KnownPerson("malang-2024", PERSON), []
    for what, subject in happening:
        step = happen(known, what, subject, EARLY)
        known = step.known
        if step.person_event is not None:
            event = step.person_event
            said.append((event.type.split(".")[1], event.cause, event.counts))
    return said


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
