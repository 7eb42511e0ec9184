"""Days, instants and the latest day known, up to the ends of the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting import days
from reporting.progress.rules import is_final
from reporting.schools.rules import Campaign, previous
from reporting.visits.rules import coming, next_by_group

EVENING = datetime(2024, 11, 8, 17, 30, tzinfo=UTC)  # half past midnight in Malang


def test_a_day_is_one_of_the_campaigns_zone() -> None:
    assert days.day_of(EVENING, days.WIB) == date(2024, 11, 9)
    assert days.end_of(date(2024, 11, 8), days.WIB) == datetime(2024, 11, 8, 16, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize("name", ["", "Nowhere/Town", "../etc/passwd", "\x00"])
def test_a_zone_that_is_none_is_wib(name: str) -> None:
    assert days.zone(name) is days.WIB


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))])))
def test_no_instant_is_too_far(instant: datetime) -> None:
    assert days.utc(instant).tzinfo is UTC
    assert days.end_of(days.day_of(instant, days.WIB), days.WIB) <= days.LAST


@pytest.mark.parametrize("day", [date.min, date.max])
def test_no_day_is_too_far(day: date) -> None:
    assert days.end_of(day, days.WIB).tzinfo is UTC
    assert previous(day) <= day


def test_the_latest_day_is_that_of_the_last_thing_known() -> None:
    live, replayed = Campaign("c"), Campaign("c", replayed=True)
    recorded, through = date(2024, 11, 7), datetime(2024, 12, 24, tzinfo=UTC)
    assert live.latest_day(recorded, EVENING, None) == date(2024, 11, 9)
    assert live.latest_day(date(2024, 11, 10), EVENING, None) == date(2024, 11, 10)
    assert live.latest_day(None, EVENING, through) == date(2024, 12, 24)
    assert replayed.latest_day(recorded, EVENING, through) == date(2024, 11, 9)


def test_days_to_go() -> None:
    campaign = Campaign("c", voting_day=date(2024, 11, 27))
    assert campaign.days_to_go(date(2024, 11, 8)) == 19
    assert campaign.days_to_go(date(2024, 11, 28)) == -1
    assert Campaign("c").days_to_go(date(2024, 11, 8)) is None


def test_final_when_everything_known_then_is_in() -> None:
    assert is_final(EVENING, EVENING)
    assert not is_final(EVENING, EVENING - timedelta(microseconds=1))
    assert not is_final(EVENING, None)
    assert not is_final(None, EVENING)


def test_the_next_visit_of_a_group_is_the_first_that_is_still_planned() -> None:
    visits = [
        {"visit_id": "a", "day": "2024-11-07", "status": "scheduled", "groups": ["x"]},
        {"visit_id": "b", "day": "2024-11-08", "status": "cancelled", "groups": ["x"]},
        {"visit_id": "c", "day": "2024-11-08", "status": "scheduled", "groups": ["x", "y"]},
        {"visit_id": "d", "day": "2024-11-09", "status": "scheduled", "groups": ["x"]},
    ]
    assert [one["visit_id"] for one in coming(visits, date(2024, 11, 8))] == ["c", "d"]
    assert {group: one["visit_id"] for group, one in next_by_group(visits, date(2024, 11, 8)).items()} == {
        "x": "c",
        "y": "c",
    }
