"""What a campaign must be, and the days in its zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from contracts.days import day_of, is_plausible
from contracts.envelope import next_known_at
from contracts.schools import CampaignOpened
from enrollment.campaigns.rules import assessing_fields_changed, campaign_faults
from enrollment.schools.rules import repeated

NOW = datetime(2024, 9, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def campaign(**changes: Any) -> CampaignOpened:
    return CampaignOpened.model_validate(
        {
            "campaign": "malang-2024",
            "revision": 1,
            "known_at": NOW,
            "name": "Pilkada",
            "region_code": "35.73",
            "zone": "Asia/Jakarta",
            "opens_on": date(2024, 9, 1),
            "voting_day": date(2024, 11, 27),
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2024-10-01T16:59:59.999999+00:00", "2024-10-01"),  # a moment before midnight in Malang
        ("2024-10-01T17:00:00+00:00", "2024-10-02"),
        ("2024-10-02T00:00:00+07:00", "2024-10-02"),
        ("2024-10-01T23:59:59-12:00", "2024-10-02"),
        ("2024-10-02T08:59:59+09:00", "2024-10-02"),
    ],
)
def test_days_are_counted_in_the_campaigns_zone_and_not_in_utc(instant: str, day: str) -> None:
    assert day_of(datetime.fromisoformat(instant), ZoneInfo("Asia/Jakarta")).isoformat() == day


def test_a_campaign_in_order_has_no_faults() -> None:
    assert campaign_faults(campaign(), None) == []
    assert campaign_faults(campaign(opens_on=date(2024, 11, 27)), None) == []


@pytest.mark.parametrize("zone", ["Asia/Malang", "WIB", "asia/jakarta"])
def test_the_zone_exists(zone: str) -> None:
    with pytest.raises(ValidationError, match="must be an IANA time zone"):
        campaign(zone=zone)


def test_it_opens_before_it_ends() -> None:
    assert [pointer for pointer, _ in campaign_faults(campaign(opens_on=date(2024, 11, 28)), None)] == ["#/opens_on"]


def test_the_clock_stays_as_it_was_opened() -> None:
    assert [p for p, _ in campaign_faults(campaign(clock="replay"), campaign())] == ["#/clock"]
    assert [p for p, _ in campaign_faults(campaign(), campaign(clock="replay"))] == ["#/clock"]


def test_what_submissions_are_judged_by_is_told() -> None:
    assert assessing_fields_changed(campaign(name="Other", kinds=["mpp"]), campaign()) == []
    assert assessing_fields_changed(campaign(zone="Asia/Makassar", opens_on=date(2024, 9, 2)), campaign()) == [
        "zone",
        "opens_on",
    ]


def test_the_same_is_said_whenever_it_is_said() -> None:
    assert campaign(revision=2, known_at=NOW + TICK).says_the_same_as(campaign())
    assert not campaign(name="Other").says_the_same_as(campaign())


def test_what_is_repeated_is_told() -> None:
    assert repeated(["a", "b", "a", "c", "b", "a"]) == [2, 4, 5]


def test_known_at_is_the_clock_and_never_goes_back() -> None:
    assert next_known_at(NOW, None) == NOW
    assert next_known_at(NOW, NOW - timedelta(days=1)) == NOW
    assert next_known_at(NOW, NOW) == NOW + TICK
    assert next_known_at(NOW, NOW + timedelta(days=1)) == NOW + timedelta(days=1) + TICK


def test_instants_at_the_ends_of_the_calendar_are_not_plausible() -> None:
    assert is_plausible(NOW)
    assert not is_plausible(datetime.fromisoformat("0001-01-01T00:00:00+14:00"))
    assert not is_plausible(datetime.fromisoformat("9999-12-31T23:59:59-12:00"))
