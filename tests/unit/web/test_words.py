"""Numbers, days and names as Indonesian readers write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from web import words
from web.charts import bars, ticks, width

WIB = ZoneInfo("Asia/Jakarta")


@pytest.mark.parametrize(("value", "said"), [(0, "0"), (968, "968"), (5554, "5.554"), (-1203, "−1.203")])
def test_numbers(value: int, said: str) -> None:
    assert words.number(value) == said


@pytest.mark.parametrize(
    ("rate", "said"),
    [(0.6041, "60,4 %"), (0.0, "0,0 %"), (0.0001, "0,1 %"), (0.9999, "99,9 %"), (1.0, "100,0 %"), (1.05, "105,0 %"),
     (None, "–")],
)  # fmt: skip
def test_less_than_all_never_reads_as_all(rate: float | None, said: str) -> None:
    assert words.percent(rate) == said


def test_days_and_instants() -> None:
    assert words.weekday(date(2024, 11, 27)) == "Rabu"
    assert words.day(date(2024, 11, 8)) == "8 November 2024"
    assert words.instant(datetime(2024, 11, 8, 16, 59, tzinfo=UTC), WIB) == "8 Nov 2024, 23.59 WIB"


def test_what_nobody_has_named_is_shown_as_it_is() -> None:
    assert words.kind("kelurahan") == "kelurahan"
    assert words.reason("card_lost") == "card lost"


def test_few_days_do_not_look_like_many() -> None:
    last = date(2024, 10, 2)
    shown = bars({last: 4, last - timedelta(days=1): 1}, last)
    assert [bar.n for bar in shown] == [0] * 19 + [1, 4]
    assert (shown[-1].height, shown[-2].height) == (100, 25)
    assert ticks(shown)[-1] == ("97.62%", "2 Okt")
    assert bars({}, last) == []


@pytest.mark.parametrize(("rate", "length"), [(None, "0.0%"), (0.5, "50.0%"), (1.4, "100.0%")])
def test_a_bar_is_never_longer_than_its_track(rate: float | None, length: str) -> None:
    assert width(rate) == length
