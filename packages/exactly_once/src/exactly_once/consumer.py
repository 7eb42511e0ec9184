"""The consumer: one batch, one transaction. Whatever fails, the position is read back and the log sought to it."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage

from exactly_once import guard, lenient, position
from exactly_once.dead_letters import DeadLetters, Handler, Subscription
from exactly_once.errors import Fenced, Gap, Verdict
from exactly_once.flood import FloodLimit
from exactly_once.log import Log
from exactly_once.metrics import Metrics
from exactly_once.position import Move, Partition, Position
from exactly_once.preflight import preflight
from exactly_once.records import Batch, Connection, Fault, Pool, Received, Record, Undecodable, decoder, record_id
from exactly_once.settings import KafkaSettings

__all__ = ["Consumer", "Handler", "Subscription"]

logger: Final = logging.getLogger(__name__)
BACK_OFF: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Consumer:
    """Applies the events of some topics to one database. More processes of one group share the partitions."""

    name = "consumer"

    def __init__(
        self,
        settings: KafkaSettings,
        pool: Pool,
        *,
        group: str,
        subscriptions: Sequence[Subscription],
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._prefix = settings.topic_prefix
        self._topics = [found.topic for found in subscriptions]
        self._handlers = {found.topic.name: found.handler for found in subscriptions}
        self._decoders = {found.topic.name: decoder(found.topic) for found in subscriptions}
        self._compacted = frozenset(found.topic.name for found in subscriptions if found.topic.compacted)
        self._dead_letters = DeadLetters(settings.dead_letter_key.get_secret_value(), self._prefix)
        self._flood = FloodLimit(settings.flood_window, settings.flood_limit, settings.flood_in_a_row)
        self._metrics = metrics
        self._log = Log(settings.kafka_bootstrap_servers, self._prefix)
        self._expected: dict[Partition, int] = {}
        self._passed: dict[Partition, int] = {}
        self._gaps: dict[Partition, tuple[int, int]] = {}
        self._trouble: str | None = "not started"
        self._failed: asyncio.Future[None] = asyncio.Future()
        self._broker = KafkaBroker(
            settings.kafka_bootstrap_servers,
            client_id=group,
            allow_auto_create_topics=False,
            metadata_max_age_ms=10_000,
            apply_types=False,
            graceful_timeout=5.0,
            logger=None,  # it has a line for every batch; aiokafka reports the errors
        )
        self._subscriber = self._broker.subscriber(
            *(self._prefix + name for name in self._handlers),
            group_id=self._prefix + group,
            batch=True,
            max_records=settings.max_records,
            batch_timeout_ms=settings.batch_wait_ms,
            auto_offset_reset="none",
            ack_policy=AckPolicy.MANUAL,
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=settings.session_timeout_ms // 4,
            listener=_Assignment(self),
            parser=_as_it_came,
            decoder=_the_records,
        )
        self._subscriber(self._on_batch)

    def problems(self) -> list[str]:
        """What keeps it from being ready, in words."""
        return [] if self._trouble is None else [f"{self.name}: {self._trouble}"]

    async def run(self) -> None:
        """Consumes until it is cancelled. Raises Misconfigured at the start, Verdict when a person must decide."""
        await preflight(self._settings, self._topics)
        lenient.install()
        async with self._log:
            await self._broker.start()
            try:
                await self._watch()
            finally:
                await self._broker.stop()

    async def _watch(self) -> None:
        while True:
            done, _ = await asyncio.wait([self._failed], timeout=self._settings.guard_interval)
            if done:
                self._failed.result()
            try:
                await self._compare(self._assigned())
            except (OSError, TimeoutError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                logger.warning("the position guard could not look: %s", _line(error))

    async def _compare(self, partitions: Iterable[Partition]) -> list[Position]:
        """Asks the guard about these partitions; raises its Verdict."""
        async with self._pool.acquire() as connection:
            positions = await position.load(connection, partitions)
        if not positions:
            return []
        for (topic, partition), behind in (await guard.check(self._log, positions, self._compacted)).items():
            self._metrics.lag.labels(topic, partition).set(behind)
        async with self._pool.acquire() as connection:
            await position.anchor(connection, [found for found in positions if found.last_id is not None])
        return positions

    async def assigned(self, partitions: set[TopicPartition]) -> None:
        """Starts newly assigned partitions where the database says; called by the group's rebalance."""
        consumer = self._subscriber.consumer
        if consumer is None:
            return
        # At once, before anything is awaited: a partition without a position would be an error of the fetcher, after
        # which FastStream sleeps for 5 s. Paused, it fetches nothing from this offset.
        for partition in partitions:
            consumer.seek(partition, 0)
        consumer.pause(*partitions)
        await self._seek({self._plain(partition) for partition in partitions}, compare=True)

    async def _seek(self, partitions: Iterable[Partition], *, compare: bool = False) -> None:
        """Reads the positions back and seeks there, however long the world takes to answer."""
        wanted = set(partitions)
        for attempt in range(1_000_000):
            try:
                if compare:
                    await self._compare(wanted)
                async with self._pool.acquire() as connection:
                    positions = await position.load(connection, wanted)
                    self._passed = await self._flood_passes(connection)
                break
            except Verdict as verdict:
                self._fail(verdict)
                return
            except (OSError, TimeoutError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._trouble = f"waiting for the database or the broker: {_line(error)}"
                logger.warning(self._trouble)
                await asyncio.sleep(BACK_OFF[min(attempt, len(BACK_OFF) - 1)])
        consumer = self._subscriber.consumer
        assigned = self._assigned()
        for found in positions:
            partition = (found.topic, found.partition)
            self._expected[partition] = found.next_offset
            if consumer is not None and partition in assigned:
                named = TopicPartition(self._prefix + found.topic, found.partition)
                consumer.seek(named, found.next_offset)
                consumer.resume(named)
        self._trouble = None

    async def _on_batch(self, records: tuple[Record, ...]) -> None:
        """FastStream's handler. It never raises: an exception would be logged and the batch skipped."""
        try:
            await self._apply(records)
        except Verdict as verdict:
            self._fail(verdict)
        except Exception as error:
            if self._failed.done():
                return
            self._metrics.retries.labels(type(error).__name__).inc()
            logger.warning("a batch begins again: %s", _line(error))
            await self._seek(self._assigned())

    async def _apply(self, records: Sequence[Record]) -> None:
        """Commits the records; a batch that the handler cannot take is halved until the bad record stands alone."""
        fresh = [record for record in records if record.offset >= self._expected[self._plain(record)]]
        if not fresh or self._failed.done():
            return
        try:
            await self._commit(fresh)
        except Exception as error:
            if _is_of_the_world(error):
                raise
            if len(fresh) == 1:
                await self._commit(fresh, Fault(fresh[0], "refused", _line(error)))
                return
            half = len(fresh) // 2
            await self._apply(fresh[:half])
            await self._apply(fresh[half:])

    async def _commit(self, records: Sequence[Record], known: Fault | None = None) -> None:
        """One transaction: positions, what the handlers do, dead letters. All of it or nothing."""
        batches, faults = self._decode(records) if known is None else ({}, [known])
        moves = self._moves(records)
        self._refuse_gaps(records)
        async with self._pool.acquire() as tx, tx.transaction():
            await position.advance(tx, moves)
            for topic, batch in batches.items():
                await self._handlers[topic](tx, batch)
                faults += batch.faults
            bad = self._indexes(records, faults)
            self._flood.check(len(records), bad)
            if faults:
                await self._dead_letters.write(tx, faults)
        for move in moves:
            self._expected[move.topic, move.partition] = move.next_offset
        self._flood.accept(len(records), bad)
        self._count(records, faults)

    def _decode(self, records: Sequence[Record]) -> tuple[dict[str, Batch[Any]], list[Fault]]:
        batches: dict[str, list[Received[Any]]] = {}
        faults: list[Fault] = []
        cut = len(self._prefix)
        for record in records:
            topic = record.topic[cut:]
            try:
                event = self._decoders[topic](record)
            except Undecodable as error:
                faults.append(Fault(record, error.reason, error.detail))
            else:
                batches.setdefault(topic, []).append(Received(event, record))
        return {topic: Batch(received) for topic, received in batches.items()}, faults

    def _moves(self, records: Sequence[Record]) -> list[Move]:
        last = {(record.topic, record.partition): record for record in records}
        return [
            Move(
                *(partition := self._plain(record)),
                expected=self._expected[partition],
                next_offset=record.offset + 1,
                last_id=record_id(record),
                last_offset=record.offset,
            )
            for record in last.values()
        ]

    def _refuse_gaps(self, records: Sequence[Record]) -> None:
        """Raises Gap where offsets are missing, unless the log has shown the same gap before.

        Compaction and the markers of a producer's transactions leave gaps; so would a client that lost records.
        """
        expected = dict(self._expected)
        for record in records:
            partition = self._plain(record)
            if record.offset != expected[partition] and partition[0] not in self._compacted:
                gap = (expected[partition], record.offset)
                if self._gaps.get(partition) != gap:
                    self._gaps[partition] = gap
                    raise Gap
            expected[partition] = record.offset + 1

    def _indexes(self, records: Sequence[Record], faults: Sequence[Fault]) -> list[int]:
        """Where the bad records stand in the batch, those left out that a person let pass."""
        if not faults:
            return []
        at = {(record.topic, record.partition, record.offset): index for index, record in enumerate(records)}
        return sorted(
            {
                at[record.topic, record.partition, record.offset]
                for record in (fault.record for fault in faults)
                if record.offset >= self._passed.get(self._plain(record), 0)
            }
        )

    def _count(self, records: Sequence[Record], faults: Sequence[Fault]) -> None:
        topics: dict[str, int] = {}
        for record in records:
            topics[record.topic] = topics.get(record.topic, 0) + 1
        for topic, count in topics.items():
            self._metrics.applied.labels(topic.removeprefix(self._prefix)).inc(count)
        for fault in faults:
            topic = fault.record.topic.removeprefix(self._prefix)
            self._metrics.dead.labels(topic, fault.reason).inc()
            logger.warning(
                "dead letter: %s/%s at %s: %s", topic, fault.record.partition, fault.record.offset, fault.reason
            )

    async def _flood_passes(self, connection: Connection) -> dict[Partition, int]:
        rows = await connection.fetch("SELECT topic, partition, until_offset FROM exactly_once.flood_pass")
        return {(row["topic"], row["partition"]): row["until_offset"] for row in rows}

    def _fail(self, verdict: Verdict) -> None:
        self._trouble = str(verdict)
        if not self._failed.done():
            self._failed.set_exception(verdict)

    def _assigned(self) -> set[Partition]:
        consumer = self._subscriber.consumer
        return set() if consumer is None else {self._plain(partition) for partition in consumer.assignment()}

    def _plain(self, place: Record | TopicPartition) -> Partition:
        return place.topic.removeprefix(self._prefix), place.partition


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """Passes assignments on. An exception here would only be logged, so the consumer handles its own."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Nothing: what is under way is fenced by the position's row."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Seeks."""
        await self._consumer.assigned(assigned)


async def _as_it_came(records: tuple[Record, ...]) -> KafkaMessage:
    """FastStream's parser would decode every header of every record, and skip a record whose header it cannot."""
    return KafkaMessage(
        body=b"", headers={}, batch_headers=[], raw_message=records, message_id="", consumer=FAKE_CONSUMER
    )


async def _the_records(message: KafkaMessage) -> Any:
    return message.raw_message


def _is_of_the_world(error: Exception) -> bool:
    """Trouble that no single record has made: the batch is begun again, for as long as it takes."""
    if isinstance(error, asyncpg.PostgresError):
        return not (error.sqlstate or "").startswith(("22", "23"))
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)
    return isinstance(error, Fenced | Gap | Verdict | OSError | TimeoutError | KafkaError | MemoryError)


def _line(error: BaseException) -> str:
    """The kind of an error and, where no input can be in it, its words."""
    if isinstance(error, asyncpg.PostgresError):
        return f"{type(error).__name__} ({error.sqlstate})"
    return type(error).__name__
