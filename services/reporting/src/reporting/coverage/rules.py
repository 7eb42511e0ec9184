"""How far each school is from its target. Pure: no I/O, no clock.

Events arrive twice, late and out of order: each carries a person's whole state, and the highest revision wins.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from contracts.recordings import Recording


class Cell(NamedTuple):
    """Where a person who counts is counted. `domicile` is '' where nobody knows it."""

    group: str
    recorded_on: date
    kind: str
    domicile: str


class Line(NamedTuple):
    """One line of a coverage table. Without a target it is unknown what remains: never 0, never 100 %."""

    target: int | None
    recorded: int
    remaining: int | None
    excess: int | None
    coverage: float | None


def line(target: int | None, recorded: int) -> Line:
    """What `recorded` persons are of `target`. Coverage is rounded to 4 digits; of a target of 0 it is unknown."""
    if target is None:
        return Line(None, recorded, None, None, None)
    coverage = round(recorded / target, 4) if target else None
    return Line(target, recorded, max(target - recorded, 0), max(recorded - target, 0), coverage)


def latest(history: Iterable[Recording]) -> dict[tuple[str, str], Recording]:
    """The highest revision of each (campaign, person), whatever order they came in and however often."""
    newest: dict[tuple[str, str], Recording] = {}
    for event in history:
        key = event.campaign, event.person_id
        known = newest.get(key)
        if known is None or event.revision > known.revision:
            newest[key] = event
    return newest


def fold(
    history: Iterable[Recording],
    *,
    as_of: date = date.max,
    known_at: datetime | None = None,
    counting_from: date = date.min,
) -> Counter[Cell]:
    """How many count in each cell of one campaign, as of a day, as known at an instant (None: everything).

    The definition of every figure: what PostgreSQL computes must equal it.
    """
    known = (event for event in history if known_at is None or event.known_at <= known_at)
    return Counter(
        Cell(event.group, event.recorded_on, event.kind, event.domicile_regency or "")
        for event in latest(known).values()
        if event.counts and counting_from <= event.recorded_on <= as_of
    )
