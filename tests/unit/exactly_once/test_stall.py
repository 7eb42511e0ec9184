"""A partition in which records wait and none is applied is noticed, and forgotten as soon as one is."""

from exactly_once.stall import Stall

A, B = ("recordings", 0), ("recordings", 1)


def test_who_moves_is_never_said_however_far_behind() -> None:
    stall = Stall(limit=60)
    for second in range(0, 600, 10):
        stall.look({A: (second, 1000)}, second)
        assert stall.problem is None


def test_who_stands_still_is_said_after_the_limit_until_a_record_is_applied() -> None:
    stall = Stall(limit=60)
    stall.look({A: (7, 3)}, 0)
    stall.look({A: (7, 4), B: (1, 1)}, 50)
    assert stall.problem is None
    stall.look({A: (7, 5), B: (1, 1)}, 60)
    assert stall.problem == "recordings/0: 5 records wait, none was applied for 60 s"
    stall.look({A: (8, 4), B: (2, 1)}, 70)
    assert stall.problem is None


def test_a_partition_without_waiting_records_begins_anew() -> None:
    stall = Stall(limit=60)
    stall.look({A: (7, 1)}, 0)
    stall.look({}, 30)
    stall.look({A: (7, 1)}, 61)
    assert stall.problem is None
