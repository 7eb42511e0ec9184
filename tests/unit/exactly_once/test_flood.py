"""What is a flood: 20 bad records in a row, or 50 among 1,000 offsets of a partition, however they came in batches."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from exactly_once import Verdict
from exactly_once.expected import Run
from exactly_once.flood import check


def run_of(offsets: Iterable[int], expected: int | None = None) -> Run:
    records: list[Any] = [SimpleNamespace(offset=offset) for offset in offsets]
    return Run(("recordings", 0), records[0].offset if expected is None else expected, records)


def test_twenty_in_a_row_also_over_batches_and_holes() -> None:
    check(run_of(range(100)), range(40, 59), ())
    with pytest.raises(Verdict, match="20 in a row"):
        check(run_of(range(100)), range(40, 60), ())
    with pytest.raises(Verdict, match="20 in a row"):
        check(run_of(range(19, 30)), {19}, range(19))
    check(run_of(range(20, 30)), {20}, range(19))
    with pytest.raises(Verdict, match="20 in a row"):
        check(run_of(range(0, 200, 2)), range(0, 40, 2), ())


def test_fifty_of_a_thousand_also_over_batches() -> None:
    every_twentieth = range(0, 980, 20)
    check(run_of(range(980, 1000)), {981}, set(every_twentieth) - {0})
    with pytest.raises(Verdict, match="50 of the last 1000"):
        check(run_of(range(980, 1000)), {981}, every_twentieth)
    check(run_of(range(1000, 1020)), {1001}, every_twentieth)
    with pytest.raises(Verdict, match="50 of the last 1000"):
        check(run_of(range(5000)), range(2000, 3000, 20), ())
    check(run_of(range(5000)), range(0, 5000, 21), ())
