"""A batch that cannot end in time is begun again smaller, and none of its records is to blame."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from exactly_once import Batch, Connection, KafkaSettings, OwnTopics, Relay
from exactly_once.applier import Applier
from exactly_once.metrics import Metrics
from stack.postgres import Database
from tests.ledger import KEPT, consuming, count, ledger_consumer, recording, send, tell
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

    async def as_it_came(applier: Applier, records: Any, decoded: Any) -> None:
        await applier._apply(records, decoded)

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


async def test_what_a_relay_cannot_publish_in_time_is_made_smaller(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Relay):
        async def _publish(self, producer: Any, rows: Any, *more: Any) -> Any:
            sizes.append(len(rows))
            if len(rows) > 30:
                raise TimeoutError
            return await super()._publish(producer, rows, *more)

    sizes: list[int] = []
    monkeypatch.setattr("exactly_once.relay.BACK_OFF", (0.0,))
    async with pool.acquire() as tx, tx.transaction():
        await tell(tx, [recording(number) for number in range(RECORDS)])
    own = OwnTopics(settings, pool, [KEPT])
    relay = Slow(settings, database.url, source="enrollment", own=own, metrics=Metrics(CollectorRegistry()))
    async with consuming(relay, own):
        await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"), within=90)
    assert max(sizes) == RECORDS, "it began with all of them"
