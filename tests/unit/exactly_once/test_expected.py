"""Which records are new, and when offsets that are missing are believed to be holes of the log."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka import ConsumerRecord

from exactly_once.errors import Gap
from exactly_once.expected import Expected
from exactly_once.position import Position


def records(*offsets: int, topic: str = "p.recordings") -> list[Any]:
    return [ConsumerRecord(topic, 0, offset, 0, 1, b"k", b"{}", None, 1, 2, ()) for offset in offsets]


def expecting(next_offset: int, *compacted: str, topic: str = "recordings") -> Expected:
    expected = Expected("p.", compacted)
    expected.read_back([Position(topic, 0, next_offset)])
    return expected


def test_what_is_applied_is_left_out_and_what_follows_is_new() -> None:
    (run,) = expecting(3).fresh(records(1, 2, 3, 4))
    assert [record.offset for record in run.records] == [3, 4]
    assert (run.move.expected, run.move.next_offset, run.move.last_offset) == (3, 5, 4)
    assert expecting(3).fresh(records(1, 2)) == []


@pytest.mark.parametrize("offsets", [(4, 5), (3, 5)], ids=["before the first", "between two"])
def test_a_hole_is_believed_once_the_log_has_shown_it_twice(offsets: tuple[int, ...]) -> None:
    expected = expecting(3)
    with pytest.raises(Gap):
        expected.fresh(records(*offsets))
    (run,) = expected.fresh(records(*offsets))
    assert [record.offset for record in run.records] == list(offsets)


def test_another_hole_is_another_matter() -> None:
    expected = expecting(3)
    with pytest.raises(Gap):
        expected.fresh(records(3, 5))
    with pytest.raises(Gap):
        expected.fresh(records(3, 6))
    expected.committed(expected.fresh(records(3, 6)))
    with pytest.raises(Gap):
        expected.fresh(records(8))


def test_compaction_leaves_holes_at_any_time() -> None:
    (run,) = expecting(0, "progress", topic="progress").fresh(records(7, 9, topic="p.progress"))
    assert run.next_offset == 10
