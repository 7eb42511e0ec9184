"""The one kind of fact table: what is kept, what is the same, what is a conflict, what is read as of when."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from aiokafka import ConsumerRecord

from contracts.envelope import encode
from contracts.schools import SchoolListed
from contracts.topics import SCHOOLS
from exactly_once import Batch, FactTable, Received
from stack.postgres import Database
from tests.ledger import prepared

SOMETIME = datetime(2024, 10, 1, 8, tzinfo=UTC)
TABLE = FactTable("school_revision", SchoolListed)


def school(revision: int = 1, npsn: str = "20599901", **changes: Any) -> SchoolListed:
    return SchoolListed.model_validate(
        {
            "campaign": "kota-contoh",
            "revision": revision,
            "known_at": SOMETIME + timedelta(days=revision),
            "npsn": npsn,
            "name": "SMA Contoh",
            "school_kind": "SMA",
            "ownership": "public",
            "kecamatan": "Klojen",
            **changes,
        }
    )


def received(fact: SchoolListed, value: bytes | None = None) -> Received[SchoolListed]:
    message = encode(fact, "enrollment")
    record = ConsumerRecord(
        topic=SCHOOLS.name, partition=0, offset=0, timestamp=0, timestamp_type=1, key=message.key,
        value=value or message.value, checksum=None, serialized_key_size=0, serialized_value_size=0, headers=(),
    )  # fmt: skip
    return Received(fact, record)


@pytest.fixture
async def tx(database: Database) -> AsyncIterator[asyncpg.Connection]:
    async with prepared(database):
        connection = await asyncpg.connect(database.owner_url)
        await connection.execute("SELECT exactly_once.create_fact_table('school_revision')")
        yield connection
        await connection.close()


async def keep(tx: asyncpg.Connection, *facts: Received[SchoolListed]) -> tuple[list[SchoolListed], list[str]]:
    """What was new, and the reasons for which something was rejected."""
    batch = Batch(list(facts))
    new = await TABLE.keep(tx, batch)
    return new, [fault.reason for fault in batch.faults]


async def test_every_revision_is_kept_once_in_whatever_order_it_comes(tx: asyncpg.Connection) -> None:
    first, second, other = school(1), school(2, name="SMA Baru"), school(1, "20599902")
    assert await keep(tx, received(second), received(other), received(second)) == ([second, other], [])
    assert await keep(tx, received(first), received(second)) == ([first], [])
    assert await TABLE.every(tx, "kota-contoh") == [first, second, other]
    assert await keep(tx) == ([], [])


async def test_the_same_in_other_bytes_is_no_conflict_and_other_content_is(tx: asyncpg.Connection) -> None:
    fact = school()
    await keep(tx, received(fact))
    grown = encode(fact, "enrollment").value[:-1] + b',"note":null,"flag":false}'
    assert await keep(tx, received(fact, grown)) == ([], [])
    assert await keep(tx, received(school(name="SMA Lain"))) == ([], ["revision_conflict"])
    assert await TABLE.every(tx, "kota-contoh") == [fact]


async def test_of_two_in_one_batch_the_first_stands(tx: asyncpg.Connection) -> None:
    first, second = school(), school(name="SMA Lain")
    assert await keep(tx, received(first), received(second)) == ([first], ["revision_conflict"])


async def test_rows_of_before_without_a_hash_are_compared_by_what_they_say(tx: asyncpg.Connection) -> None:
    await keep(tx, received(school()))
    await tx.execute("ALTER TABLE school_revision DISABLE TRIGGER append_only")
    await tx.execute("UPDATE school_revision SET content_sha256 = NULL, data = data || '{\"latitude\": null}'")
    assert await keep(tx, received(school()), received(school(name="SMA Lain"))) == ([], ["revision_conflict"])


async def test_what_is_read_is_the_newest_or_as_known_then_or_what_contains(tx: asyncpg.Connection) -> None:
    facts = [school(1), school(2, kecamatan="Sukun"), school(1, "20599902", kecamatan="Sukun")]
    await keep(tx, *map(received, facts))
    assert await TABLE.newest(tx, "kota-contoh") == facts[1:]
    assert await TABLE.newest(tx, "kota-contoh", known_at=facts[0].known_at) == [facts[0], facts[2]]
    assert await TABLE.every(tx, "kota-contoh", facts[0].known_at) == [facts[0], facts[2]]
    assert await TABLE.newest(tx, "kota-contoh", containing={"kecamatan": "Klojen"}) == [], "of the newest, not of all"
    assert await TABLE.newest(tx, "kota-contoh", ids=["20599902"]) == [facts[2]]
    assert await TABLE.last(tx, "kota-contoh", "20599901") == facts[1]
    assert await TABLE.last(tx, "kota-contoh", "20599903") is None
    assert await TABLE.newest(tx, "kota-lain") == []


async def test_an_owner_keeps_to_the_byte_what_it_publishes(tx: asyncpg.Connection) -> None:
    fact = SchoolListed.next(None, SOMETIME, **school().model_dump(exclude={"revision", "known_at"}))
    await TABLE.append(tx, [fact])
    row = await tx.fetchrow("SELECT value, headers::jsonb ->> 'content_sha256' AS hash FROM exactly_once.outbox")
    kept = await tx.fetchrow("SELECT encode(content_sha256, 'hex') AS hash, type FROM school_revision")
    assert row["value"] == encode(fact, "enrollment").value
    assert (kept["hash"], kept["type"]) == (row["hash"], fact.type)
    assert await TABLE.unknown(tx, [fact, school(2)]) == [1]
    with pytest.raises(asyncpg.UniqueViolationError):
        await TABLE.append(tx, [school(name="SMA Lain")])


@pytest.mark.parametrize("change", ["UPDATE school_revision SET revision = 2", "DELETE FROM school_revision"])
async def test_rows_are_only_ever_added(tx: asyncpg.Connection, change: str) -> None:
    await keep(tx, received(school()))
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="school_revision is append-only"):
        await tx.execute(change)
