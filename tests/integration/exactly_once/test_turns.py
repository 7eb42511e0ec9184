"""What is published, however much at once, keeps nobody waiting who is served by the same loop."""

from __future__ import annotations

import asyncio

import asyncpg
from prometheus_client import CollectorRegistry

from exactly_once import KafkaSettings, OwnTopics, Relay
from exactly_once.metrics import Metrics
from stack.postgres import Database
from tests.ledger import KEPT, consuming, recording, tell
from tests.support import until
from tests.turns import LONGEST, turns


async def test_a_relay_takes_no_long_turn(settings: KafkaSettings, pool: asyncpg.Pool, database: Database) -> None:
    events = [recording(number) for number in range(2 * settings.tuning.relay_batch)]
    with turns() as taken:
        await asyncio.sleep(0)
        async with pool.acquire() as tx, tx.transaction():
            await tell(tx, list(events))
        own = OwnTopics(settings, pool, [KEPT])
        relay = Relay(settings, database.url, source="enrollment", own=own, metrics=Metrics(CollectorRegistry()))
        async with consuming(relay, own):
            await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"), within=60)
    assert max(taken) < LONGEST
