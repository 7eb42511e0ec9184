"""Ids are UUIDv7, and a file's row has the same one whenever this counter reads it."""

import uuid
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from contracts.types import Uuid
from counter.device import DeviceKey
from counter.ids import derived, fresh
from tests.unit.counter.support import NOON, nik, recording

DEVICE = DeviceKey.generate()


@given(st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_both_kinds_are_uuid_version_7_of_their_time(at: datetime) -> None:
    for text in (fresh(at), derived(recording(recorded_at=at, birth_date=date(1999, 1, 1)), "c", DEVICE)):
        TypeAdapter(Uuid).validate_python(text)
        parsed = uuid.UUID(text)
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
        assert parsed.int >> 80 == int(at.timestamp() * 1000)


def test_fresh_ids_differ() -> None:
    assert len({fresh(NOON) for _ in range(1000)}) == 1000


def test_the_same_row_has_the_same_id_whatever_its_other_columns_and_its_zone() -> None:
    wib = timezone(timedelta(hours=7))
    rows = [
        recording(),
        recording(married=True, place="Aula", kind="office", family_card=True),
        recording(recorded_at=(NOON + timedelta(seconds=1)).astimezone(wib)),
    ]
    assert len({derived(row, "c", DEVICE) for row in rows}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"nik": nik(2)},
        {"birth_date": date(2007, 2, 1)},
        {"group": "outside"},
        {"group": None},
        {"recorded_at": NOON},
    ],
)
def test_who_where_and_when_make_another_id(change: dict[str, object]) -> None:
    assert derived(recording(**change), "c", DEVICE) != derived(recording(), "c", DEVICE)


def test_another_campaign_or_device_gives_another_id() -> None:
    assert len({derived(recording(), c, d) for c in ("a", "b") for d in (DEVICE, DeviceKey.generate())}) == 4
