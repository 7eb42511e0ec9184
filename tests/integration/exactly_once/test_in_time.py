"""A batch that cannot end in time is begun again smaller, and none of its records is to blame."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from exactly_once import Batch, Connection, KafkaSettings
from exactly_once.applier import Applier
from tests.ledger import consuming, count, ledger_consumer, recording, send
from tests.support import until

RECORDS = 400


async def cut_off(tx: Connection) -> None:
    """The server ends the session, as its limits of time do."""
    await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")


async def canceled(tx: Connection) -> None:
    await tx.execute("SET LOCAL statement_timeout = 1; SELECT pg_sleep(60)")


async def driver_fails(_tx: Connection) -> None:
    raise asyncpg.InternalClientError("got result for unknown protocol state 3")


async def memory_ends(_tx: Connection) -> None:
    raise asyncpg.OutOfMemoryError


@pytest.mark.parametrize("ends", [cut_off, canceled, driver_fails, memory_ends], ids=lambda ends: ends.__name__)
async def test_it_is_made_smaller_until_it_does(ends: Any, settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    """However often it is begun again at its size, it never ends: more than thirty records take too long."""
    sizes: list[int] = []

    async def handle(tx: Connection, batch: Batch[Any]) -> None:
        sizes.append(len(batch))
        await count(tx, batch)
        if len(batch) > 30:
            await ends(tx)

    await send(settings, [recording(number) for number in range(RECORDS)])
    async with consuming(ledger_consumer(settings, pool, handle)):
        await until(lambda: pool.fetchval("SELECT n = $1 FROM total", RECORDS), within=90)
    assert await pool.fetchval("SELECT count(*) FROM ledger WHERE applied <> 1") == 0
    assert await pool.fetchval("SELECT count(*) FROM exactly_once.dead_letter") == 0
    assert max(sizes) > 30, "nothing was too large"


async def test_one_that_is_never_made_smaller_never_ends(
    settings: KafkaSettings, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    tries: list[int] = []

    async def handle(tx: Connection, batch: Batch[Any]) -> None:
        tries.append(len(batch))
        if len(batch) > 30:
            await cut_off(tx)

    async def as_it_came(applier: Applier, records: Any) -> None:
        await applier._apply(records)

    async def tried() -> bool:
        return len([size for size in tries if size > 30]) >= 5

    monkeypatch.setattr(Applier, "apply", as_it_came)
    await send(settings, [recording(number) for number in range(RECORDS)])
    async with consuming(ledger_consumer(settings, pool, handle)):
        await until(tried, within=90)
    assert await pool.fetchval("SELECT sum(next_offset) < $1 FROM exactly_once.position", RECORDS)


async def test_it_grows_again_once_it_ends(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    slow, sizes = True, list[int]()

    async def handle(tx: Connection, batch: Batch[Any]) -> None:
        if slow and len(batch) > 2:
            raise asyncpg.QueryCanceledError
        sizes.append(len(batch))
        await count(tx, batch)

    await send(settings, [recording(number) for number in range(20)])
    consumer = ledger_consumer(settings, pool, handle)
    async with consuming(consumer):
        await until(lambda: pool.fetchval("SELECT n = 20 FROM total"), within=90)
        slow = False
        await send(settings, [recording(number) for number in range(20, RECORDS)])
        await until(lambda: pool.fetchval("SELECT n = $1 FROM total", RECORDS), within=90)
    assert max(sizes) > 20
