"""A crash between any two steps: restarted, consumer and relay have done everything once; the control has not."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from exactly_once import KafkaSettings
from stack.postgres import Database
from tests.faults.worker import CONSUMER_STEPS, CRASHED, RELAY_STEPS
from tests.ledger import consuming, ledger_consumer, recording, send, send_raw, tell
from tests.support import until

pytestmark = pytest.mark.faults

RECORDS = 600


@asynccontextmanager
async def worker(
    settings: KafkaSettings, database: Database, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The worker as a process, killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.faults.worker",
        *arguments,
        env={
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": settings.topic_prefix,
            "DATABASE_URL": database.url,
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def crashed(settings: KafkaSettings, database: Database, kind: str, step: str) -> None:
    async with worker(settings, database, kind, step) as process, asyncio.timeout(30):
        assert await process.wait() == CRASHED


async def applied(pool: asyncpg.Pool) -> tuple[int, int]:
    """How many records were counted, and of how many persons other than once."""
    row = await pool.fetchrow("SELECT (SELECT n FROM total), (SELECT count(*) FROM ledger WHERE applied <> 1)")
    return row[0], row[1]


@pytest.mark.parametrize("step", CONSUMER_STEPS)
async def test_a_consumer_that_dies_at_any_step_applies_everything_once(
    step: str, settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    await send_raw(settings, b"poison")
    await send(settings, [recording(number) for number in range(RECORDS)])
    await crashed(settings, database, "consumer", step)
    before, _ = await applied(pool)
    assert before < RECORDS, "it should have died on the way"
    async with worker(settings, database, "consumer"):
        await until(lambda: pool.fetchval("SELECT sum(next_offset) = $1 FROM exactly_once.position", RECORDS + 1))
    assert await applied(pool) == (RECORDS, 0)
    assert await pool.fetchval("SELECT count(*) FROM exactly_once.dead_letter") == 1


async def test_the_control_with_offsets_in_kafka_is_caught(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    await send(settings, [recording(number) for number in range(RECORDS)])
    await crashed(settings, database, "broken-consumer", "committed")
    async with worker(settings, database, "broken-consumer"):
        await until(lambda: pool.fetchval("SELECT count(*) = $1 FROM ledger", RECORDS))
    counted, wrong = await applied(pool)
    assert counted > RECORDS
    assert wrong > 0


@pytest.mark.parametrize("step", RELAY_STEPS)
async def test_a_relay_that_dies_at_any_step_loses_nothing(
    step: str, settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    async with pool.acquire() as tx, tx.transaction():
        await tell(tx, [recording(number) for number in range(RECORDS)])
    await crashed(settings, database, "relay", step)
    async with worker(settings, database, "relay"):
        await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"))
    async with consuming(ledger_consumer(settings, pool)):
        await until(lambda: pool.fetchval("SELECT count(*) = $1 FROM ledger", RECORDS))
