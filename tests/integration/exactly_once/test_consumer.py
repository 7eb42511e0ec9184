"""One batch, one transaction: what is on the topic is applied exactly once."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any
from unittest.mock import AsyncMock

import asyncpg
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from chassis.probes import KafkaProbe
from exactly_once import Batch, Connection, Consumer, KafkaSettings, position
from exactly_once.errors import Fenced
from exactly_once.position import Move
from stack.ports import free_port
from tests.ledger import consuming, count, ledger_consumer, recording, send
from tests.support import tuned, until


async def test_every_record_is_applied_once(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    await send(settings, [recording(number) for number in range(1000)])
    async with consuming(ledger_consumer(settings, pool)):
        await until(lambda: pool.fetchval("SELECT n >= 1000 FROM total"))
    assert await pool.fetchval("SELECT n FROM total") == 1000
    assert await pool.fetchval("SELECT count(*) FROM ledger WHERE applied <> 1") == 0
    assert await pool.fetchval("SELECT sum(next_offset) FROM exactly_once.position") == 1000


async def test_positions_are_locked_in_one_order_by_everybody(pool: asyncpg.Pool) -> None:
    """Who waits for the first position holds none of the others, whatever the order of the batch: nobody waits in a
    circle."""
    moves = [Move("recordings", partition, 0, 10, "id", 9) for partition in (1, 0)]
    async with pool.acquire() as first, pool.acquire() as second, pool.acquire() as looking:
        for partition in (1, 0):  # neither the table's order nor the batch's is the one to lock in
            await position.load(first, [("recordings", partition)])
        async with first.transaction():
            await first.execute("SELECT FROM exactly_once.position WHERE partition = 0 FOR UPDATE")
            waiting = asyncio.create_task(position.advance(second, moves))
            await until(lambda: looking.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))
            await first.execute("SELECT FROM exactly_once.position WHERE partition = 1 FOR UPDATE NOWAIT")
        await waiting
        assert await looking.fetchval("SELECT array_agg(next_offset) FROM exactly_once.position") == [10, 10]
        with pytest.raises(Fenced):
            await position.advance(second, moves)


class Overtaken(Consumer):
    """Another owner applies the partition just when this one has found that its record is bad."""

    overtaken = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._commit, self._applier._commit = self._applier._commit, self._overtaken

    async def _overtaken(self, runs: Any, decoded: Any) -> None:
        try:
            await self._commit(runs, decoded)
        except ZeroDivisionError:
            if not self.overtaken:
                self.overtaken = True
                (run,) = runs
                topic, partition = run.partition
                async with self._pool.acquire() as tx, tx.transaction():
                    await position.advance(tx, [Move(topic, partition, run.expected, run.next_offset + 1, "id", 1)])
                    await tx.execute("UPDATE total SET n = n + 2")
                await self._seek({run.partition})
            raise


async def test_a_position_never_goes_back(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    """A rebalance in the middle of a bad record: what another owner has applied meanwhile is not applied again."""

    async def handle(tx: Connection, batch: Batch[Any]) -> None:
        for received in batch:
            1 / (received.event.revision - 7)
        await tx.execute("UPDATE total SET n = n + $1", len(batch))

    people = [recording(number=1, revision=revision) for revision in (7, 1)]
    eager = tuned(settings, max_records=1)
    await send(settings, people)
    async with consuming(ledger_consumer(eager, pool, handle, kind=Overtaken)):
        await send(settings, [recording(number=1, revision=2)])
        await until(lambda: pool.fetchval("SELECT sum(next_offset) = 3 FROM exactly_once.position"))
    assert await pool.fetchval("SELECT n FROM total") == 3
    assert await pool.fetchval("SELECT count(*) FROM exactly_once.dead_letter") == 0


async def test_within_seconds_it_is_said_that_no_broker_answers(settings: KafkaSettings) -> None:
    there = KafkaProbe(f"127.0.0.1:{free_port()},{settings.kafka_bootstrap_servers}")
    away = KafkaProbe(f"127.0.0.1:{free_port()}")
    probing = [asyncio.create_task(probe.run()) for probe in (there, away)]
    try:
        await until(lambda: says(away))
        assert away.problems()[0].startswith("no broker answers at 127.0.0.1:")
        assert there.problems() == []
    finally:
        for task in probing:
            task.cancel()
        await asyncio.gather(*probing, return_exceptions=True)


@pytest.mark.parametrize("times", [1, 3])
async def test_a_broker_that_goes_while_a_consumer_starts_is_waited_for(
    times: int, settings: KafkaSettings, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was there for the preflight, and then refuses one connection in two for a moment."""
    bootstrap, asked = AIOKafkaClient.bootstrap, itertools.count()

    async def now_and_then(self: AIOKafkaClient) -> None:
        number = next(asked)
        if number % 2 and number < 2 * times:
            raise KafkaConnectionError
        await bootstrap(self)

    await send(settings, [recording(1)])
    monkeypatch.setattr("exactly_once.consumer.preflight", AsyncMock())
    monkeypatch.setattr(AIOKafkaClient, "bootstrap", now_and_then)
    consumer = ledger_consumer(settings, pool)
    async with consuming(consumer) as task:
        await until(lambda: ready_or_done(consumer, task))
        assert not task.done(), task.exception()
        await until(lambda: pool.fetchval("SELECT n = 1 FROM total"))
    assert next(asked) > 2 * times


async def ready_or_done(consumer: Consumer, task: asyncio.Task[None]) -> bool:
    return task.done() or not consumer.problems()


async def says(probe: KafkaProbe) -> bool:
    return bool(probe.problems())


@pytest.mark.parametrize("failures", [1, 3, 6])
async def test_what_was_decoded_ahead_of_a_batch_that_failed_is_read_again(
    failures: int, settings: KafkaSettings, pool: asyncpg.Pool
) -> None:
    """As it came it would look like a hole of the log, which is believed the second time: the batch would be lost."""
    applied = list[int]()

    async def ahead() -> bool:
        return consumer._in_hand > 1

    async def handle(tx: Connection, batch: Batch[Any]) -> None:
        nonlocal failures
        (received,) = batch
        if received.event.revision == 3 and failures:
            failures -= 1
            await until(ahead)
            raise OSError
        await count(tx, batch)
        applied.append(received.event.revision)

    eager = tuned(settings, max_records=1)
    await send(settings, [recording(number=1, revision=revision) for revision in range(1, 9)])
    consumer = ledger_consumer(eager, pool, handle)
    async with consuming(consumer):
        await until(lambda: pool.fetchval("SELECT sum(next_offset) = 8 FROM exactly_once.position"))
    assert applied == list(range(1, 9))
    assert await pool.fetchval("SELECT n FROM total") == 8
    assert not failures
