"""The chart of the days, whatever day is asked for."""

from __future__ import annotations

from datetime import date

import pytest

from web import charts

FIRST, LAST = date(2024, 9, 19), date(2024, 11, 8)


@pytest.mark.parametrize("asked", [LAST, date(2024, 12, 31), date(2030, 1, 1), date(2200, 1, 1)])
def test_a_day_far_ahead_leaves_the_chart_its_bars(asked: date) -> None:
    shown = charts.bars({FIRST: 3, LAST: 5}, asked)
    assert [bar.n for bar in shown if bar.n][-1] == 5
    assert len(shown) <= 400
