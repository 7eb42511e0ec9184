"""The consumer: a member of a group, watched. Whatever fails, the position is read back and the log sought to it."""

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import chain
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage

from exactly_once import flood, guard, position, set_aside
from exactly_once.applier import Applier, Decoded
from exactly_once.dead_letters import DeadLetters, Subscription
from exactly_once.errors import OUTAGE, Flood, Stop, in_a_line
from exactly_once.expected import Expected, went_back
from exactly_once.log import Log
from exactly_once.metrics import Metrics
from exactly_once.own_topics import OwnTopics
from exactly_once.position import Partition, Position
from exactly_once.preflight import RETRY_AFTER, preflight
from exactly_once.records import Pool, Record
from exactly_once.settings import KafkaSettings
from exactly_once.stall import Stall

logger: Final = logging.getLogger(__name__)
BACK_OFF: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
POLL_MS: Final = 500  # a poll waits so long for the first record, and returns with it at once
END_WITHIN: Final = 5.0  # seconds, for what is under way when the process stops


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
        own: OwnTopics | None = None,
    ) -> None:
        """`own`: a component beside this one; nothing is consumed unless it has compared what the service writes."""
        self._own = own
        self._settings = settings
        self._pool = pool
        self._prefix = settings.topic_prefix
        self._topics = [each.topic for each in subscriptions]
        self._compacted = frozenset(topic.name for topic in self._topics if topic.compacted)
        self._dead_letters = DeadLetters(settings.dead_letter_key.get_secret_value(), self._prefix)
        self._metrics = metrics
        self._log = Log(settings.kafka_bootstrap_servers, self._prefix)
        self._expected = Expected(self._prefix, self._compacted)
        self._applier = Applier(
            pool,
            subscriptions,
            expected=self._expected,
            dead_letters=self._dead_letters,
            metrics=metrics,
            prefix=self._prefix,
            tuning=settings.tuning,
        )
        self._stall = Stall(settings.tuning.stall_limit)
        self._held: dict[Partition, int] = {}
        self._in_hand = 0
        self._applying: asyncio.Task[None] | None = None
        self._seeks = 0
        self._failures = 0
        self._trouble: str | None = "not started"
        self._blind: str | None = None
        self._notices: list[str] = []
        self._failed: asyncio.Future[None] = asyncio.Future()
        self._broker = KafkaBroker(
            settings.kafka_bootstrap_servers,
            client_id=group,
            allow_auto_create_topics=False,
            metadata_max_age_ms=10_000,
            apply_types=False,
            graceful_timeout=END_WITHIN,
            logger=None,  # it has a line for every batch; aiokafka reports the errors
        )
        self._subscriber = self._broker.subscriber(
            *(self._prefix + topic.name for topic in self._topics),
            group_id=self._prefix + group,
            batch=True,
            auto_offset_reset="none",
            isolation_level="read_committed" if any(topic.outsiders for topic in self._topics) else "read_uncommitted",
            ack_policy=AckPolicy.MANUAL,
            session_timeout_ms=settings.tuning.session_timeout_ms,
            heartbeat_interval_ms=settings.tuning.session_timeout_ms // 4,
            listener=_Assignment(self),
            parser=_as_it_came,
            decoder=_the_records,
        )
        self._subscriber.get_msg = self._poll  # type: ignore[method-assign]
        self._subscriber(self._on_batch)

    def problems(self) -> list[str]:
        """What keeps it from being ready, in words."""
        return [problem for problem in (self._trouble, self._blind, self._stall.problem) if problem is not None]

    def notices(self) -> list[str]:
        """What was set aside and waits for a person, and which partitions an outsider's open transaction delays.

        Nothing is wrong here, and nobody else waits.
        """
        return [
            *self._notices,
            *(
                f"{topic}/{partition}: {count} records stand behind a producer's open transaction"
                for (topic, partition), count in sorted(self._held.items())
            ),
        ]

    async def run(self) -> None:
        """Consumes until it is cancelled. Raises Misconfigured at the start, Verdict when a person must decide."""
        await preflight(self._settings, self._topics)
        async with await self._begin():
            await self._watch()

    async def _begin(self) -> AsyncExitStack:
        """Connects and joins the group, even if the broker has gone since the preflight; returns what ends it."""
        while True:
            try:
                async with AsyncExitStack() as stack:
                    await stack.enter_async_context(self._log)
                    stack.push_async_callback(self._end_applying)
                    stack.push_async_callback(self._broker.stop)
                    await self._broker.start()
                    return stack.pop_all()
            except OUTAGE as error:
                self._trouble = f"waiting for the broker: {in_a_line(error)}"
                logger.warning(self._trouble)
                await asyncio.sleep(RETRY_AFTER)

    async def _watch(self) -> None:
        while True:
            done, _ = await asyncio.wait([self._failed], timeout=self._settings.tuning.guard_interval)
            if done:
                self._failed.result()
            try:
                await self._look()
                self._blind = None
            except OUTAGE as error:
                self._blind = f"the position guard cannot look: {in_a_line(error)}"
                logger.warning(self._blind)

    async def _look(self) -> None:
        """What is to be looked at from time to time, whether records come or not."""
        expected = self._expected.now()
        compared = await self._compare(self._assigned())
        held = {each: self._held_back(each, behind) for each, behind in compared.items()}
        waiting = {
            each.topic_partition: (each.next_offset, behind - held[each])
            for each, behind in compared.items()
            if behind > held[each] and not await self._has_read_all(each, behind - held[each])
        }
        self._tell_lag({each.topic_partition: count for each, count in held.items()}, waiting)
        self._stall.look(waiting, asyncio.get_running_loop().time())
        if went_back(expected, compared):
            await self._seek(self._assigned())
        async with self._pool.acquire() as connection:
            await position.anchor(connection, [each for each in compared if each.last_id is not None])
            waiting_letters = await self._dead_letters.waiting(connection)
            overflow = await set_aside.overflow_by_topic(connection)
        notices: list[str] = []
        for topic in (topic.name for topic in self._topics):
            letters, beyond = waiting_letters.get(topic, 0), overflow.get(topic, 0)
            self._metrics.waiting.labels(topic).set(letters)
            self._metrics.overflow.labels(topic).set(beyond)
            notices += set_aside.notices(topic, letters, beyond)
        for notice in notices:
            if notice not in self._notices:
                logger.error(notice)
        self._notices = notices

    def _tell_lag(self, held: Mapping[Partition, int], waiting: Mapping[Partition, tuple[int, int]]) -> None:
        """How many records can be read and are not applied, and how many cannot be read yet."""
        self._metrics.lag.clear()  # of a partition that was given away somebody else tells
        self._metrics.open_transactions.clear()
        assigned = self._assigned()
        for partition, count in held.items():
            if partition in assigned:
                self._metrics.lag.labels(*partition).set(waiting.get(partition, (0, 0))[1])
                self._metrics.open_transactions.labels(*partition).set(count)
        self._held = {partition: count for partition, count in held.items() if count and partition in assigned}

    def _held_back(self, each: Position, behind: int) -> int:
        """How many of the records behind the position stand behind a transaction that is not ended."""
        consumer, named = self._subscriber.consumer, TopicPartition(self._prefix + each.topic, each.partition)
        if consumer is None or named not in consumer.assignment():
            return 0
        stable: int | None = consumer.last_stable_offset(named)  # none before the first fetch, or where it is not asked
        return 0 if stable is None or stable < 0 else min(behind, max(0, each.next_offset + behind - stable))

    async def _has_read_all(self, each: Position, behind: int) -> bool:
        """Whether nothing is left to read: a producer's transactions leave markers behind the last record."""
        consumer = self._subscriber.consumer
        if consumer is None or self._in_hand:
            return False
        named = TopicPartition(self._prefix + each.topic, each.partition)
        return bool(await consumer.position(named) >= each.next_offset + behind)

    async def _compare(self, partitions: Iterable[Partition]) -> dict[Position, int]:
        """Asks the guard about these partitions: how many records each is behind. Raises its Verdict."""
        async with self._pool.acquire() as connection:
            positions = await position.load(connection, partitions)
        if not positions:
            return {}
        lag = await guard.check(self._log, positions, self._compacted)
        return {each: lag[each.topic_partition] for each in positions}

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
        await self._seek({self._partition(partition) for partition in partitions}, compare=True)

    async def _seek(self, partitions: Iterable[Partition], *, compare: bool = False) -> None:
        """Reads the positions back and seeks there, however long the world takes to answer."""
        wanted = set(partitions)
        attempt = 0
        while True:
            try:
                if compare:
                    await self._compare(wanted)
                expected = self._expected.now()  # before it is asked: what is committed meanwhile did not go back
                async with self._pool.acquire() as connection:
                    await flood.check_dry(connection)
                    positions = await position.load(connection, wanted)
                    self._applier.passed = await flood.passes(connection)
                break
            except Stop as order:
                self._fail(order)
                return
            except OUTAGE as error:
                self._trouble = f"waiting for the database or the broker: {in_a_line(error)}"
                logger.warning(self._trouble)
                await asyncio.sleep(BACK_OFF[min(attempt, len(BACK_OFF) - 1)])
                attempt += 1
        if self._own is not None and went_back(expected, positions):
            self._own.invalidate()  # an older database
        self._expected.read_back(positions)
        self._seeks += 1
        consumer = self._subscriber.consumer
        assigned = self._assigned()
        for each in positions:
            if consumer is not None and each.topic_partition in assigned:
                named = TopicPartition(self._prefix + each.topic, each.partition)
                consumer.seek(named, each.next_offset)
                consumer.resume(named)
        self._trouble = None

    async def _poll(self, consumer: AIOKafkaConsumer) -> tuple[Record, ...]:
        """FastStream's own sleeps after each poll that brought nothing, and what comes meanwhile waits."""
        polled = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._settings.tuning.max_records)
        return tuple(chain.from_iterable(polled.values()))

    async def _on_batch(self, records: tuple[Record, ...]) -> None:
        """FastStream's handler: decodes a batch while the one before is applied, and returns while this one is.

        It never raises: an exception would be logged and the batch skipped.
        """
        self._in_hand += 1
        seeks = self._seeks
        decoding = asyncio.create_task(self._applier.decode(records), name="decode")
        await asyncio.wait([decoding] if self._applying is None else [decoding, self._applying])
        under_way = self._applier.under_way = asyncio.get_running_loop().create_future()
        self._applying = asyncio.create_task(self._apply(records, decoding, seeks), name="apply")
        # More is fetched and decoded once the database works: until then it would only keep it waiting.
        await asyncio.wait([self._applying, under_way], return_when=asyncio.FIRST_COMPLETED)

    async def _apply(self, records: Sequence[Record], decoding: Awaitable[Decoded], seeks: int) -> None:
        """`seeks`: how often the log had been sought when the records came; what came before a seek is read again."""
        try:
            if self._own is not None:
                await self._own.wait()
            if seeks != self._seeks:
                await self._seek(self._assigned())
            elif not self._applier.stopped:
                await self._applier.apply(records, await decoding)
                self._failures, self._trouble = 0, None
        except Flood as verdict:
            await self._remember(verdict)
            self._fail(verdict)
        except Stop as order:
            self._fail(order)
        except Exception as error:
            if self._applier.stopped:
                return
            self._metrics.retries.labels(type(error).__name__).inc()
            logger.warning("a batch begins again: %s", in_a_line(error))
            await self._seek(self._assigned())
            self._failures += 1
            if self._failures > 1:
                self._trouble = f"a batch fails again and again: {in_a_line(error)}"
                await asyncio.sleep(BACK_OFF[min(self._failures - 2, len(BACK_OFF) - 1)])
        finally:
            self._in_hand -= 1

    async def _end_applying(self) -> None:
        if self._applying is not None:
            self._applying.cancel()
            await asyncio.wait([self._applying], timeout=END_WITHIN)

    async def _remember(self, verdict: Flood) -> None:
        try:
            async with self._pool.acquire() as connection:
                await flood.remember(connection, verdict)
        except OUTAGE as error:
            logger.warning("the verdict could not be kept for the next start: %s", in_a_line(error))

    def _fail(self, order: Stop) -> None:
        self._trouble = str(order)
        self._applier.stopped = True
        if not self._failed.done():
            self._failed.set_exception(order)

    def _assigned(self) -> set[Partition]:
        consumer = self._subscriber.consumer
        return set() if consumer is None else {self._partition(partition) for partition in consumer.assignment()}

    def _partition(self, of: Record | TopicPartition) -> Partition:
        return of.topic.removeprefix(self._prefix), of.partition


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """Passes assignments on. An exception here would only be logged, so the consumer handles its own."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Nothing: what is under way is fenced by the position's row."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._consumer.assigned(assigned)


async def _as_it_came(records: tuple[Record, ...]) -> KafkaMessage:
    """FastStream's parser would decode every header of every record, and skip a record whose header it cannot."""
    return KafkaMessage(
        body=b"", headers={}, batch_headers=[], raw_message=records, message_id="", consumer=FAKE_CONSUMER
    )


async def _the_records(message: KafkaMessage) -> Any:
    return message.raw_message
