"""Numbers as lengths: the bars, days and shares that the parts draw. Pure: no I/O, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from web import words


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of the chart."""

    day: date
    n: int
    x: int
    y: float
    height: float

    @property
    def weekend(self) -> bool:
        return self.day.weekday() >= 5


class Share(NamedTuple):
    """A line with a bar: so many of the whole, or of the largest."""

    name: str
    english: str
    n: int
    width: str


def width(rate: float | None) -> str:
    """A rate as the length of a bar, at most the whole."""
    return f"{min(max(rate or 0.0, 0.0), 1.0) * 100:.1f}%"


def bars(by_day: Mapping[date, int], last: date) -> list[Bar]:
    """A bar for every day from the first to `last`, empty days too, in a field of 10 by 100 for each.

    Three weeks at least: few days do not look like many. A year of empty days at most: no day with a bar is lost.
    """
    if not by_day:
        return []
    last = min(last, max(by_day) + timedelta(days=365))
    length = min(max((last - min(by_day)).days + 1, 21), 400)
    days = [last - timedelta(days=length - 1 - number) for number in range(length)]
    most = max(by_day.values())
    return [
        Bar(day, n := by_day.get(day, 0), 10 * number, 100 - 100 * n / most, 100 * n / most)
        for number, day in enumerate(days)
    ]


def ticks(shown: Sequence[Bar]) -> list[tuple[str, str]]:
    """(where, what) under the chart: about five days, the last among them."""
    step = max(7, -(-len(shown) // 5))
    return [
        (f"{(index + 0.5) / len(shown) * 100:.2f}%", words.short_day(shown[index].day))
        for index in sorted(range(len(shown) - 1, -1, -step))
    ]
