"""One person counts once: the rules, by name and at random."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from enrollment.recordings.revisions import Known, Step, change
from enrollment.recordings.rules import (
    Decision,
    Person,
    Recording,
    State,
    cause_of_arrival,
    counting,
    decisions,
    held_because,
    person_id_of,
    state,
)

PERSON = "00000000-0000-5000-8000-000000000000"
NOON = datetime(2024, 10, 1, 5, tzinfo=UTC)


def recording(number: int, day: int = 1, **changes: Any) -> Recording:
    """Recording number n, of a day of October."""
    moment = NOON + timedelta(days=day - 1)
    return replace(
        Recording(
            submission_id=f"00000000-0000-7000-8000-{number:012d}",
            device_id="mpp-1",
            device_seq=number + 1,
            recorded_at=moment,
            recorded_on=moment.date(),
            received_at=moment,
            kind="mpp",
        ),
        **changes,
    )


def person(*recordings: Recording, reattributed: str | None = None) -> Person:
    return Person({r.submission_id: r for r in recordings}, reattributed)


def outcomes(of: Person) -> list[str]:
    return [decision.outcome for _, decision in sorted(decisions(of).items())]


# -- the rules, by name


def test_the_earliest_recording_counts_and_the_others_are_duplicates() -> None:
    assert outcomes(person(recording(1, day=3), recording(2, day=1), recording(3, day=2))) == [
        "duplicate",
        "counted",
        "duplicate",
    ]


def test_of_two_at_the_same_moment_the_lower_submission_id_counts() -> None:
    assert outcomes(person(recording(2), recording(1))) == ["counted", "duplicate"]


def test_it_is_the_moment_that_decides_and_not_what_the_clock_shows_in_its_zone() -> None:
    in_wit = recording(1, recorded_at=datetime.fromisoformat("2024-10-01T09:30:00+09:00"))  # 07:30 in Malang
    in_wib = recording(2, recorded_at=datetime.fromisoformat("2024-10-01T08:00:00+07:00"))
    assert outcomes(person(in_wit, in_wib)) == ["counted", "duplicate"]


def test_a_held_recording_does_not_count_and_says_why() -> None:
    of = person(recording(1, held="under_age"), recording(2, day=2))
    assert decisions(of)[recording(1).submission_id] == Decision("held", "under_age")
    assert decisions(of)[recording(2).submission_id] == Decision("counted")


def test_a_voided_recording_is_rejected_and_the_next_is_promoted() -> None:
    of = person(recording(1), recording(2, day=2)).voided(recording(1).submission_id)
    assert decisions(of)[recording(1).submission_id] == Decision("rejected", "voided")
    assert decisions(of)[recording(2).submission_id] == Decision("counted")


def test_a_restored_recording_stands_as_before() -> None:
    first = recording(1)
    assert person(first).voided(first.submission_id).restored(first.submission_id) == person(first)


def test_a_restored_held_recording_is_held_again() -> None:
    held = recording(1, held="not_a_voter")
    assert outcomes(person(held).voided(held.submission_id)) == ["rejected"]
    assert outcomes(person(held).voided(held.submission_id).restored(held.submission_id)) == ["held"]


def test_the_group_is_that_of_the_recording_that_counts() -> None:
    of = person(recording(1, day=2, group="npsn:20533456"), recording(2, day=1, group="npsn:20533457"))
    assert state(of, None) == State(True, "npsn:20533457", recording(2).submission_id)


def test_without_a_group_a_person_counts_outside() -> None:
    assert state(person(recording(1)), None) == State(True, "outside", recording(1).submission_id)


def test_what_the_office_reattributed_stays_whatever_arrives() -> None:
    before = person(recording(2, day=2, group="npsn:20533456")).reattributed_to("outside:mutasi")
    after = before.recorded(recording(1, day=1, group="npsn:20533457"))
    assert state(after, state(before, None)) == State(True, "outside:mutasi", recording(1).submission_id)


def test_who_never_counted_is_not_spoken_of() -> None:
    held = person(recording(1, held="under_age"))
    assert state(held, None) is None
    assert state(held.reattributed_to("outside"), None) is None
    voided = held.voided(recording(1).submission_id)
    assert state(voided, None) is None


def test_once_none_counts_the_last_that_did_is_told() -> None:
    one, two = recording(1, group="npsn:20533456"), recording(2, day=2, group="npsn:20533457")
    both = person(one, two)
    first = state(both, None)
    second = state(both.voided(one.submission_id), first)
    last = state(both.voided(one.submission_id).voided(two.submission_id), second)
    assert last == State(False, "npsn:20533457", two.submission_id)


def test_a_person_id_comes_from_the_first_submission_in_its_campaign() -> None:
    of = {person_id_of(campaign, one) for campaign in ("malang-2024", "batu-2024") for one in ("a", "b")}
    assert len(of) == 4


# -- why a recording is held

LONG_AGO = datetime(2024, 10, 1, 2, tzinfo=UTC)


def why(**changes: Any) -> str | None:
    return held_because(
        **{
            "recorded_at": LONG_AGO,
            "recorded_on": date(2024, 10, 1),
            "received_at": LONG_AGO,
            "opens_on": date(2024, 9, 19),
            "age_when_recorded": 17,
            "age_on_voting_day": 17,
            "married": False,
            **changes,
        }
    )


def test_what_is_in_order_is_not_held() -> None:
    assert why() is None


def test_before_the_opening_is_held_and_on_the_day_of_opening_is_not() -> None:
    assert why(recorded_on=date(2024, 9, 18)) == "before_opening"
    assert why(recorded_on=date(2024, 9, 19)) is None


def test_five_minutes_ahead_of_the_broker_is_held_only_if_it_is_more() -> None:
    assert why(recorded_at=LONG_AGO + timedelta(minutes=5)) is None
    assert why(recorded_at=LONG_AGO + timedelta(minutes=5, microseconds=1)) == "in_the_future"


def test_under_sixteen_is_held_even_when_married() -> None:
    assert why(age_when_recorded=15, age_on_voting_day=17) == "under_age"
    assert why(age_when_recorded=15, married=True) == "under_age"
    assert why(age_when_recorded=16) is None


def test_not_seventeen_on_voting_day_is_held_unless_married() -> None:
    assert why(age_when_recorded=16, age_on_voting_day=16) == "not_a_voter"
    assert why(age_when_recorded=16, age_on_voting_day=16, married=True) is None


# -- at random

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
        (r.recorded_at, r.submission_id) for r in of.recordings.values() if r.held is None and not r.voided
    )
    return standing[0][1] if standing else None


@given(arriving=recordings, data=st.data())
def test_order_and_repeats_change_nothing(arriving: list[Recording], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(arriving + arriving))
    voided = data.draw(st.sets(st.sampled_from([r.submission_id for r in arriving]))) if arriving else set()

    def fold(order: list[Recording]) -> Person:
        of = Person()
        for one in order:
            if one.submission_id not in of.recordings:  # the inbox: a submission is taken once
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


def happen(known: Known, what: str, subject: Any, now: datetime) -> Step:
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


@settings(max_examples=400)
@given(history=histories(), minutes=st.lists(st.integers(0, 60), min_size=20, max_size=20))
def test_what_is_published_step_by_step_is_what_the_fold_says(
    history: list[tuple[str, Any]], minutes: list[int]
) -> None:
    known, events, told = Known("malang-2024", PERSON), [], {}
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
        first, last = known.person.recordings[counts], events[-1]
        assert told[counts].outcome == "counted"
        assert (last.recorded_at, last.recorded_on, last.received_at) == (
            first.recorded_at,
            first.recorded_on,
            first.received_at,
        )
        assert last.group == (known.person.reattributed or first.group or "outside")


@given(arriving=recordings)
def test_at_most_one_counts_and_nothing_that_is_held_or_voided(arriving: list[Recording]) -> None:
    of = person(*arriving)
    assert outcomes(of).count("counted") == (counting(arriving) is not None)
    assert all(decisions(of)[r.submission_id].outcome == "held" for r in arriving if r.held)


# -- the type and the cause of what is published


def causes(*happening: tuple[str, Any]) -> list[tuple[str, str, bool]]:
    known, said = Known("malang-2024", PERSON), []
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
