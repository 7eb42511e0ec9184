"""A small ledger to test with: plain additions, so that what is applied twice, or not at all, shows at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from prometheus_client import CollectorRegistry

from contracts.envelope import encode
from contracts.recordings import Recording, RecordingCompleted
from contracts.topics import RECORDINGS, Topic
from exactly_once import (
    Batch,
    Connection,
    Consumer,
    FactTable,
    KafkaSettings,
    OwnTopics,
    Relay,
    Subscription,
    migrations_dir,
)
from exactly_once.metrics import Metrics
from exactly_once.own_topics import WRITER_HEADER
from stack.postgres import Database

LEDGER = """
CREATE TABLE ledger (person_id text PRIMARY KEY, revision int NOT NULL, applied int NOT NULL);
CREATE TABLE total (n bigint NOT NULL);
INSERT INTO total (n) VALUES (0);
SELECT exactly_once.create_fact_table('kept_revision');
DROP TRIGGER append_only ON kept_revision;  -- tests take rows away, as a backup that is restored does
"""
KEPT = FactTable("kept_revision", *RECORDINGS.types)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    """The runtime role's pool of a database that has the package's tables and the ledger."""
    async with prepared(database) as made:
        yield made


@asynccontextmanager
async def prepared(database: Database) -> AsyncIterator[asyncpg.Pool]:
    owner = await asyncpg.connect(database.owner_url)
    try:
        for file in sorted(migrations_dir().glob("*.sql")):
            await owner.execute(file.read_text())
        await owner.execute(LEDGER)
    finally:
        await owner.close()
    async with asyncpg.create_pool(database.url, min_size=1, max_size=6, command_timeout=20) as made:
        yield made


async def count(tx: Connection, batch: Batch[Recording]) -> None:
    """Plain additions: applied twice, or not at all, it shows at once."""
    await tx.executemany(
        """
        INSERT INTO ledger VALUES ($1, $2, 1)
        ON CONFLICT (person_id) DO UPDATE SET applied = ledger.applied + 1
        """,
        [(received.event.person_id, received.event.revision) for received in batch],
    )
    await tx.execute("UPDATE total SET n = n + $1", len(batch))


def recording(number: int, revision: int = 1, **changes: Any) -> RecordingCompleted:
    at = datetime(2024, 10, 1, 8, tzinfo=UTC) + timedelta(seconds=number)
    return RecordingCompleted.model_validate(
        {
            "campaign": "malang-2024",
            "person_id": str(UUID(int=number, version=4)),
            "revision": revision,
            "known_at": at,
            "counts": True,
            "cause": "recorded",
            "group": "npsn:20599901",
            "kind": "office",
            "recorded_at": at,
            "recorded_on": date(2024, 10, 1),
            "received_at": at,
            **changes,
        }
    )


@asynccontextmanager
async def producing(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, acks="all")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def send_raw(
    settings: KafkaSettings, value: bytes | None, headers: Any = (), partition: int | None = None
) -> None:
    """One record as it is, however wrong."""
    async with producing(settings) as producer:
        await producer.send_and_wait(
            settings.topic_prefix + RECORDINGS.name, value, key=b"poison", headers=list(headers), partition=partition
        )


async def send(settings: KafkaSettings, events: list[Recording], writer: str = "") -> None:
    """As a program beside the relays does, or as the relay of a database with this name."""
    topic, name = settings.topic_prefix + RECORDINGS.name, [(WRITER_HEADER, writer.encode())] if writer else []
    async with producing(settings) as producer:
        for event in events:
            message = encode(event, "test")
            await producer.send(topic, message.value, key=message.key, headers=[*message.headers, *name])
        await producer.flush()


async def tell(tx: Any, events: list[Recording]) -> None:
    """Decides and publishes, as an owner of facts does: what goes out is also kept."""
    await KEPT.append(tx, events)


@asynccontextmanager
async def consuming(component: Consumer | Relay | OwnTopics, *more: OwnTopics) -> AsyncIterator[asyncio.Task[None]]:
    """Runs the components; answers the task of the first."""
    tasks = [asyncio.create_task(one.run()) for one in (component, *more)]
    try:
        yield tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def ledger_consumer(
    settings: KafkaSettings,
    pool: asyncpg.Pool,
    handler: Any = count,
    group: str = "ledger",
    own: OwnTopics | None = None,
    registry: CollectorRegistry | None = None,
    kind: type[Consumer] = Consumer,
) -> Consumer:
    return kind(
        settings,
        pool,
        group=group,
        subscriptions=[Subscription(RECORDINGS, handler)],
        metrics=Metrics(registry or CollectorRegistry()),
        own=own,
    )


async def records_of(settings: KafkaSettings, topic: Topic, at_least: int) -> list[Any]:
    """What is on a topic, once there are so many records."""
    consumer = AIOKafkaConsumer(
        settings.topic_prefix + topic.name,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
        group_id=None,
    )
    await consumer.start()
    try:
        found: list[Any] = []
        async with asyncio.timeout(30):
            while len(found) < at_least:
                found += [r for part in (await consumer.getmany(timeout_ms=200)).values() for r in part]
        return found
    finally:
        await consumer.stop()
