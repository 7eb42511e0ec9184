"""What an outsider sends in a transaction: applied once committed, never when aborted; an open one is told of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from contracts.envelope import encode
from contracts.topics import CATALOGUE, RECORDING_SUBMISSIONS, RECORDINGS
from exactly_once import Consumer, KafkaSettings, Subscription
from exactly_once.metrics import Metrics
from tests.ledger import consuming, count, recording, send
from tests.support import tuned, until

pytestmark = pytest.mark.faults

WRITTEN_BY_OUTSIDERS = replace(RECORDINGS, outsiders=True)


def consumer(settings: KafkaSettings, pool: asyncpg.Pool, registry: CollectorRegistry) -> Consumer:
    watchful = tuned(settings, guard_interval=0.2, stall_limit=1)
    subscriptions = [Subscription(WRITTEN_BY_OUTSIDERS, count)]
    return Consumer(watchful, pool, group="ledger", subscriptions=subscriptions, metrics=Metrics(registry))


class Outsider:
    """A producer with transactions of its own; all that it sends goes to partition 0."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.topic = settings.topic_prefix + RECORDINGS.name
        self.producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap_servers, transactional_id=f"{settings.topic_prefix}outsider",
            acks="all",
        )  # fmt: skip

    async def __aenter__(self) -> Outsider:
        await self.producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.producer.stop()

    async def send(self, *numbers: int) -> None:
        for number in numbers:
            message = encode(recording(number), "outsider")
            await self.producer.send(self.topic, message.value, key=message.key, headers=message.headers, partition=0)
        await self.producer.flush()


async def send_beside(settings: KafkaSettings, *numbers: int) -> None:
    """Without a transaction, to the same partition."""
    topic = settings.topic_prefix + RECORDINGS.name
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, acks="all") as producer:
        for number in numbers:
            message = encode(recording(number), "test")
            await producer.send_and_wait(topic, message.value, key=message.key, headers=message.headers, partition=0)


async def people(pool: asyncpg.Pool) -> int:
    found: int = await pool.fetchval("SELECT count(*) FROM ledger")
    return found


def figures(registry: CollectorRegistry, name: str) -> float:
    return sum(s.value for metric in registry.collect() for s in metric.samples if s.name == name)


async def test_what_was_taken_back_is_never_applied(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    registry = CollectorRegistry()
    running = consumer(settings, pool, registry)
    async with Outsider(settings) as outsider, consuming(running):
        await outsider.producer.begin_transaction()
        await outsider.send(1, 2)
        await outsider.producer.abort_transaction()
        await outsider.producer.begin_transaction()
        await outsider.send(3)
        await outsider.producer.commit_transaction()
        await send_beside(settings, 4)
        await until(lambda: pool.fetchval("SELECT EXISTS (SELECT FROM ledger WHERE person_id LIKE '%0004')"))
        assert await people(pool) == 2
        # An aborted one at the very end leaves nothing to wait for: neither lag nor stall.
        await outsider.producer.begin_transaction()
        await outsider.send(5)
        await outsider.producer.abort_transaction()

        async def nothing_waits() -> bool:
            return figures(registry, "lag_records") == 0 and figures(registry, "open_transaction_records") == 0

        await until(nothing_waits)
        assert await people(pool) == 2
    assert not [problem for problem in running.problems() if "wait" in problem]


async def test_an_open_transaction_delays_its_partition_and_is_told_of(
    settings: KafkaSettings, pool: asyncpg.Pool
) -> None:
    registry = CollectorRegistry()
    running = consumer(settings, pool, registry)
    async with Outsider(settings) as outsider, consuming(running):
        await outsider.producer.begin_transaction()
        await outsider.send(1)
        await send_beside(settings, 2, 3)
        elsewhere = [recording(number) for number in range(100, 130)]
        await send(settings, elsewhere)

        async def told() -> bool:
            return any("open transaction" in line for line in running.notices())

        await until(told)
        assert figures(registry, "open_transaction_records") >= 3
        assert running.problems() == [], "an outsider makes nobody unready"
        assert await people(pool) > 0, "other partitions go on"
        assert not await pool.fetchval("SELECT EXISTS (SELECT FROM ledger WHERE person_id LIKE '%000_')")
        await outsider.producer.commit_transaction()
        await until(lambda: pool.fetchval("SELECT count(*) = 33 FROM ledger"))

        async def told_no_more() -> bool:
            return running.notices() == [] and figures(registry, "open_transaction_records") == 0

        await until(told_no_more)


def test_only_what_outsiders_write_is_read_so() -> None:
    """On what relays alone write no transaction is honest: an open one would hold everybody back for nothing."""
    assert [topic for topic in CATALOGUE if topic.outsiders] == [RECORDING_SUBMISSIONS]


async def test_what_relays_alone_write_waits_for_no_transaction(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    subscriptions: Any = [Subscription(RECORDINGS, count)]
    metrics = Metrics(CollectorRegistry())
    running = Consumer(settings, pool, group="ledger", subscriptions=subscriptions, metrics=metrics)
    async with Outsider(settings) as outsider, consuming(running):
        await outsider.producer.begin_transaction()
        await outsider.send(1)
        await send_beside(settings, 2)
        await until(lambda: pool.fetchval("SELECT count(*) >= 1 FROM ledger WHERE person_id LIKE '%0002'"))
        await outsider.producer.abort_transaction()
