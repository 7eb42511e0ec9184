"""One person counts once: the rules, by name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from enrollment.persons.rules import (
    Decision,
    State,
    decisions,
    held_because,
    person_id_of,
    state,
)
from tests.unit.enrollment.people import outcomes, person, recording

# -- the rules, by name


def test_the_earliest_recording_counts_and_the_others_are_duplicates() -> None:
    assert outcomes(person(recording(1, day=3), recording(2, day=1), recording(3, day=2))) == [
        "duplicate",
        "counted",
        "duplicate",
    ]


def test_of_two_at_the_same_moment_the_lower_submission_id_counts() -> None:
    assert outcomes(person(recording(2), recording(1))) == ["counted", "duplicate"]


def test_it_is_when_it_was_recorded_that_decides_and_not_when_it_came() -> None:
    morning, evening = (datetime(2024, 10, 1, hour, tzinfo=UTC) for hour in (1, 11))
    came_first = recording(1, recorded_at=evening, received_at=evening)
    came_later = recording(2, recorded_at=morning, received_at=evening + timedelta(days=3))
    assert outcomes(person(came_first, came_later)) == ["duplicate", "counted"]  # of one day, too


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


def test_once_none_counts_a_person_is_said_to_be_where_the_office_put_them() -> None:
    one = recording(1, group="npsn:20533456")
    counted, gone = state(person(one), None), person(one).voided(one.submission_id)
    assert state(gone, counted) == State(False, "npsn:20533456", one.submission_id)
    assert state(gone.reattributed_to("outside:mutasi"), counted) == State(False, "outside:mutasi", one.submission_id)
    moved = person(one).reattributed_to("outside:mutasi")
    assert state(moved.voided(one.submission_id), state(moved, None)) == State(
        False, "outside:mutasi", one.submission_id
    )


def test_once_none_counts_a_held_one_changes_nothing_that_is_said() -> None:
    one = recording(1, group="npsn:20533456")
    last = state(person(one).voided(one.submission_id), state(person(one), None))
    held = recording(2, day=0, group="npsn:20533457", held="under_age")
    assert state(person(one).voided(one.submission_id).recorded(held), last) == last


def test_a_part_has_only_what_it_is_to_have() -> None:
    of = person(recording(1), recording(2), reattributed="outside")
    assert of.only(recording(2).submission_id) == person(recording(2), reattributed="outside")
    assert of.only() == person(reattributed="outside")


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
