"""The definition of every figure, in plain Python: what PostgreSQL computes must equal it.

Events arrive twice, late and out of order: each carries a person's whole state, and the highest revision wins.
"""

from __future__ import annotations

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


def latest(history: Iterable[Recording]) -> dict[tuple[str, str], Recording]:
    """The highest revision of each (campaign, person), whatever order they came in and however often."""
    newest: dict[tuple[str, str], Recording] = {}
    for event in history:
        key = event.campaign, event.person_id
        if key not in newest or event.revision > newest[key].revision:
            newest[key] = event
    return newest


def fold(
    history: Iterable[Recording],
    *,
    as_of: date = date.max,
    known_at: datetime | None = None,
    counting_from: date = date.min,
) -> Counter[Cell]:
    """How many count in each cell of one campaign, as of a day, as known at an instant (None: everything)."""
    known = (event for event in history if known_at is None or event.known_at <= known_at)
    return Counter(
        Cell(event.group, event.recorded_on, event.kind, event.domicile_regency or "")
        for event in latest(known).values()
        if event.counts and counting_from <= event.recorded_on <= as_of
    )
