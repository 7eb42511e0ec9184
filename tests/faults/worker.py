"""A process of its own with the real consumer or relay, which a test can crash between any two steps.

    python -m tests.faults.worker consumer|broken-consumer|relay [STEP]

STEP is where it dies, as by a power cut. The environment has KAFKA_BOOTSTRAP_SERVERS, KAFKA_TOPIC_PREFIX, DATABASE_URL.
`broken-consumer` keeps its offsets in Kafka, committed after the database: what everybody does, and the control that
shows that these tests can fail.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import asyncpg
from aiokafka import TopicPartition
from asyncpg.transaction import Transaction
from prometheus_client import CollectorRegistry

from contracts.topics import RECORDINGS
from exactly_once import Batch, Connection, Consumer, OwnTopics, Relay, Subscription, position
from exactly_once.applier import Applier, told_apart
from exactly_once.dead_letters import DeadLetters
from exactly_once.metrics import Metrics
from exactly_once.position import Position
from exactly_once.set_aside import bad_record
from tests.ledger import KEPT
from tests.support import kafka_settings

CONSUMER_STEPS = (
    "fetched",
    "begun",
    "moved",
    "half-handled",
    "handled",
    "letters-written",
    "before-commit",
    "committed",
)
RELAY_STEPS = ("read", "sent", "before-delete", "deleted")
CRASHED = 9


def crash(step: str) -> None:
    if len(sys.argv) > 2 and sys.argv[2] == step:
        os._exit(CRASHED)


async def count(tx: Connection, batch: Batch[Any]) -> None:
    people = [(received.event.person_id, received.event.revision) for received in batch]
    for part, people_of_part in enumerate((people[::2], people[1::2])):
        await tx.executemany(
            "INSERT INTO ledger VALUES ($1, $2, 1) ON CONFLICT (person_id) DO UPDATE SET applied = ledger.applied + 1",
            people_of_part,
        )
        if part == 0:
            crash("half-handled")
    await tx.execute("UPDATE total SET n = n + $1", len(people))
    crash("handled")


def crash_around_steps() -> None:
    """Wraps the steps of a batch from outside: the product knows nothing of this."""
    advance, write, commit, leave = position.advance, DeadLetters.write, Applier._commit, Transaction.__aexit__

    async def advance_(*args: Any) -> None:
        crash("begun")
        await advance(*args)
        crash("moved")

    async def write_(*args: Any) -> None:
        await write(*args)
        crash("letters-written")

    async def commit_(*args: Any) -> None:
        crash("fetched")
        await commit(*args)
        crash("committed")

    async def leave_(self: Transaction, *args: Any) -> Any:
        crash("before-commit")
        return await leave(self, *args)

    position.advance, DeadLetters.write, Applier._commit, Transaction.__aexit__ = advance_, write_, commit_, leave_


class OffsetsInKafka(Consumer):
    """The control: the database does not know the positions, so a crash after its commit repeats the batch."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._applier._commit = self._commit  # type: ignore[method-assign]

    async def _seek(self, partitions: Any, *, compare: bool = False) -> None:
        consumer = self._subscriber.consumer
        for topic, partition in partitions:
            named = TopicPartition(self._prefix + topic, partition)
            at = await consumer.committed(named) or 0
            consumer.seek(named, at)
            consumer.resume(named)
            self._expected.read_back([Position(topic, partition, at)])
        self._trouble = None

    async def _compare(self, partitions: Any) -> Any:
        return {}

    async def _commit(self, runs: Any, decoded: Any) -> None:
        batches, faults = told_apart(runs, decoded)
        async with self._pool.acquire() as tx, tx.transaction():
            for topic, batch in batches.items():
                await self._applier._handlers[topic](tx, batch)
            await self._dead_letters.write(tx, [bad_record(fault) for fault in faults])
        crash("committed")
        for run in runs:
            partition = TopicPartition(self._prefix + run.topic, run.partition[1])
            await self._subscriber.consumer.commit({partition: run.next_offset})
        self._expected.committed(runs)


def crash_around_relay() -> None:
    publish, execute = Relay._publish, asyncpg.Connection.execute

    async def publish_(self: Relay, *args: Any) -> Any:
        crash("read")
        ends = await publish(self, *args)
        crash("sent")
        return ends

    async def execute_(self: Any, query: str, *args: Any, **more: Any) -> Any:
        deletes = "DELETE FROM exactly_once.outbox" in query
        if deletes:
            crash("before-delete")
        answer = await execute(self, query, *args, **more)
        if deletes:
            crash("deleted")
        return answer

    Relay._publish, asyncpg.Connection.execute = publish_, execute_


async def main() -> None:
    settings = kafka_settings(
        os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        os.environ["KAFKA_TOPIC_PREFIX"],
        session_timeout_ms=1500,
        max_records=100,
        relay_batch=100,
        relay_idle_limit=1.5,
    )
    metrics = Metrics(CollectorRegistry())
    if sys.argv[1] == "relay":
        crash_around_relay()
        async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=1) as pool:
            own = OwnTopics(settings, pool, [KEPT])
            relay = Relay(settings, os.environ["DATABASE_URL"], source="enrollment", own=own, metrics=metrics)
            await asyncio.gather(own.run(), relay.run())
        return
    kind = OffsetsInKafka if sys.argv[1] == "broken-consumer" else Consumer
    crash_around_steps()
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=4, command_timeout=20) as pool:
        subscriptions = [Subscription(RECORDINGS, count)]
        await kind(settings, pool, group="ledger", subscriptions=subscriptions, metrics=metrics).run()


if __name__ == "__main__":
    asyncio.run(main())
