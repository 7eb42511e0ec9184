"""Days, instants and the latest day known, up to the ends of the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import days
from contracts.schools import CampaignOpened
from contracts.visits import VisitScheduled
from reporting.questions.moment import UNOPENED, Campaign, Heard, previous
from reporting.questions.visits import coming, next_by_group

EVENING = datetime(2024, 11, 8, 17, 30, tzinfo=UTC)  # half past midnight in Malang


def test_a_day_is_one_of_the_campaigns_zone() -> None:
    assert days.day_of(EVENING, UNOPENED) == date(2024, 11, 9)
    assert days.end_of(date(2024, 11, 8), UNOPENED) == datetime(2024, 11, 8, 16, 59, 59, 999_999, tzinfo=UTC)


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))])))
def test_no_instant_is_too_far(instant: datetime) -> None:
    assert days.utc(instant).tzinfo is UTC
    assert days.end_of(days.day_of(instant, UNOPENED), UNOPENED) <= days.LAST


@pytest.mark.parametrize("day", [date.min, date.max])
def test_no_day_is_too_far(day: date) -> None:
    assert days.end_of(day, UNOPENED).tzinfo is UTC
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
    def final(watermark: datetime | None, *opened: CampaignOpened) -> bool:
        return Heard("c", 1, EVENING, None, watermark, opened).moment().final

    campaign = CampaignOpened(
        campaign="c", revision=1, known_at=EVENING, name="C", region_code="35.73", zone="Asia/Jakarta",
        opens_on=date(2024, 9, 1), voting_day=date(2024, 11, 27),
    )  # fmt: skip
    assert final(EVENING, campaign)
    assert not final(EVENING - timedelta(microseconds=1), campaign)
    assert not final(None, campaign)
    assert not final(EVENING)  # it is not heard yet how it was opened


def test_the_next_visit_of_a_group_is_the_first_that_is_still_planned() -> None:
    def visit(letter: str, day: str, status: str, groups: list[str]) -> VisitScheduled:
        of_no_matter = {"campaign": "c", "revision": 1, "known_at": EVENING, "kind": "mpp", "sets": []}
        hours = {"starts_at": EVENING, "ends_at": EVENING}
        planned = {"visit_id": str(UUID(int=ord(letter))), "groups": groups, "place": letter, "day": day}
        return VisitScheduled.model_validate({**of_no_matter, **hours, **planned, "status": status})

    visits = [
        visit("a", "2024-11-07", "scheduled", ["outside:x"]),
        visit("b", "2024-11-08", "cancelled", ["outside:x"]),
        visit("c", "2024-11-08", "scheduled", ["outside:x", "outside:y"]),
        visit("d", "2024-11-09", "scheduled", ["outside:x"]),
    ]
    assert [each.place for each in coming(visits, date(2024, 11, 8))] == ["c", "d"]
    following = next_by_group(visits, date(2024, 11, 8))
    assert {group: each.place for group, each in following.items()} == {"outside:x": "c", "outside:y": "c"}
