"""A recording is valid once made, and shows nobody."""

from datetime import date, datetime

import pytest

from counter import Recording, RecordingRefused
from tests.unit.counter.support import NOON, nik, recording


def test_it_does_not_print_who_it_is() -> None:
    assert nik(1) not in repr(recording()) and "2007" not in repr(recording(recorded_at=NOON.replace(year=2024)))


def test_all_problems_come_at_once_and_name_no_value() -> None:
    with pytest.raises(RecordingRefused) as refused:
        Recording(nik="357399", birth_date=date(1800, 1, 1), recorded_at=datetime(2024, 1, 1))  # noqa: DTZ001
    assert [one.column for one in refused.value.errors] == ["nik", "birth_date", "recorded_at"]
    assert "357399" not in str(refused.value)


def test_a_wrong_day_within_the_nik_is_a_warning() -> None:
    assert not recording().nik_disagrees
    assert recording(birth_date=date(2007, 2, 1)).nik_disagrees


def test_a_womans_day_has_forty_added() -> None:
    assert not recording(nik="3573997101070001").nik_disagrees
