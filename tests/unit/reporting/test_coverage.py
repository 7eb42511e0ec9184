"""How far each school is: the fold that defines every figure, and the lines made of it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.recordings import Recording, RecordingCompleted
from reporting.questions.coverage import line
from tests.unit.reporting.fold import Cell, fold

START = datetime(2024, 10, 1, tzinfo=UTC)
DAYS = [date(2024, 10, 1) + timedelta(days=number) for number in range(5)]


def recording(person: int, revision: int = 1, **changes: Any) -> Recording:
    return RecordingCompleted.model_validate(
        {
            "campaign": "c",
            "person_id": str(UUID(int=person)),
            "revision": revision,
            "known_at": START + timedelta(hours=revision),
            "counts": True,
            "cause": "recorded",
            "group": "npsn:20599901",
            "kind": "mpp",
            "recorded_at": START,
            "recorded_on": DAYS[0],
            "received_at": START,
            **changes,
        }
    )


def histories() -> st.SearchStrategy[list[Recording]]:
    one = st.builds(
        lambda person, revision, day, group, counts: recording(
            person, revision, recorded_on=day, group=group, counts=counts
        ),
        st.integers(1, 4),
        st.integers(1, 5),
        st.sampled_from(DAYS),
        st.sampled_from(["outside", "npsn:20599901"]),
        st.booleans(),
    )
    return st.lists(one, max_size=20, unique_by=lambda event: (event.person_id, event.revision))


@given(history=histories(), data=st.data())
def test_order_and_redelivery_change_nothing(history: list[Recording], data: st.DataObject) -> None:
    assert fold(data.draw(st.permutations(history + history))) == fold(history)


@given(history=histories(), as_of=st.sampled_from(DAYS), hours=st.integers(0, 6))
def test_what_becomes_known_later_changes_no_answer_about_then(
    history: list[Recording], as_of: date, hours: int
) -> None:
    then = START + timedelta(hours=hours)
    before = [event for event in history if event.known_at <= then]
    assert fold(history, as_of=as_of, known_at=then) == fold(before, as_of=as_of)


def test_nobody_counts_twice_and_a_voided_person_not_at_all() -> None:
    moved = [recording(1), recording(1, 2, group="outside"), recording(2), recording(2, 2, counts=False)]
    assert fold(moved) == Counter({Cell("outside", DAYS[0], "mpp", ""): 1})


def test_only_days_from_the_first_that_counts_to_as_of() -> None:
    history = [recording(number, recorded_on=day) for number, day in enumerate(DAYS)]
    counted = fold(history, as_of=DAYS[3], counting_from=DAYS[1])
    assert sorted(cell.recorded_on for cell in counted) == DAYS[1:4]


@pytest.mark.parametrize(
    ("target", "recorded", "remaining", "excess", "coverage"),
    [
        (5554, 3355, 2199, 0, 0.6041),
        (92, 61, 31, 0, 0.663),
        (80, 84, 0, 4, 1.05),
        (10, 0, 10, 0, 0.0),
        (0, 3, 0, 3, None),
        (None, 7, None, None, None),
    ],
)
def test_a_line(
    target: int | None, recorded: int, remaining: int | None, excess: int | None, coverage: float | None
) -> None:
    found = line(target, recorded)
    assert (found.remaining, found.excess, found.coverage) == (remaining, excess, coverage)
