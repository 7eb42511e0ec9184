"""The relay: publishes the outbox in order, one relay for a database, and says how far it has come."""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from typing import Any, Final, TypeVar

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from contracts.envelope import encode
from contracts.progress import ProgressMade
from contracts.topics import PROGRESS
from exactly_once.deadline import within
from exactly_once.errors import OUTAGE
from exactly_once.log import Log
from exactly_once.metrics import Metrics
from exactly_once.outbox import CHANNEL
from exactly_once.own_topics import TAIL, WRITER_HEADER, OwnTopics
from exactly_once.position import Partition
from exactly_once.preflight import preflight
from exactly_once.settings import KafkaSettings
from exactly_once.watermark import advance_watermark

logger: Final = logging.getLogger(__name__)
LOCK: Final = 0x6A62_7265_6C61_79  # "jbrelay": one for each database
BACK_OFF: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
END_WITHIN: Final = 3.0
AT_ONCE: Final = 1000  # records of others are looked up
Row = asyncpg.Record
T = TypeVar("T")


class Relay:
    """Publishes what `publish` wrote. Others of the same database stand by until this one loses its lock."""

    name = "relay"

    def __init__(
        self, settings: KafkaSettings, database_url: str, *, source: str, own: OwnTopics, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._database_url = database_url
        self._source = source
        self._own = own
        self._topics = own.topics
        self._metrics = metrics
        self._partition = DefaultPartitioner()
        self._failures = 0
        self._at_once = settings.tuning.relay_batch
        self._writer = (WRITER_HEADER, b"")
        self._trouble: str | None = "not started"

    def problems(self) -> list[str]:
        """What keeps it from being ready, in words; standing by is no problem."""
        return [] if self._trouble is None else [self._trouble]

    async def run(self) -> None:
        """Competes for the lock and publishes while it has it, until cancelled. Raises what stops a process."""
        await preflight(self._settings, [*self._topics, PROGRESS])
        while True:
            try:
                async with AsyncExitStack() as stack:
                    await self._own.wait()
                    connection = await self._connect(stack)
                    await self._wait_for_lock(connection)
                    await self._lead(connection, stack)
            except OUTAGE as error:
                self._trouble = f"publishing is interrupted: {type(error).__name__}"
                # What is too much for the limits of time would fail for ever.
                self._at_once = max(1, self._at_once // 2)
                logger.warning(self._trouble)
            finally:
                self._metrics.leads.set(0)
            await asyncio.sleep(BACK_OFF[min(self._failures, len(BACK_OFF) - 1)])
            self._failures += 1

    async def _connect(self, stack: AsyncExitStack) -> "asyncpg.Connection[Row]":
        """A connection of its own, which the server closes once it is silent: a frozen relay loses its lock."""
        connection = await asyncpg.connect(
            self._database_url,
            command_timeout=30,
            server_settings={
                "application_name": f"{self._source}-relay",
                "idle_session_timeout": str(int(self._settings.tuning.relay_idle_limit * 1000)),
            },
        )
        stack.push_async_callback(self._close, connection)
        return connection

    async def _close(self, connection: "asyncpg.Connection[Row]") -> None:
        """Closes, or cuts a connection off that no longer answers."""
        try:
            await connection.close(timeout=2)
        except OUTAGE:
            connection.terminate()

    async def _end(self, producer: AIOKafkaProducer) -> None:
        """Stops the producer, which would wait for ever for what it cannot send: the rows are still in the outbox."""
        stopping = asyncio.ensure_future(producer.stop())
        await asyncio.wait([stopping], timeout=END_WITHIN)
        if producer._sender.sender_task is not None:
            producer._sender.sender_task.cancel()  # with it the stop ends too, once requests under way have timed out

    async def _wait_for_lock(self, connection: "asyncpg.Connection[Row]") -> None:
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            self._trouble = None
            await asyncio.sleep(self._settings.tuning.relay_poll)

    async def _lead(self, connection: "asyncpg.Connection[Row]", stack: AsyncExitStack) -> None:
        """Publishes until something fails. A new producer each time: a failed one may be out of sequence for ever."""
        told = asyncio.Event()
        await connection.add_listener(CHANNEL, lambda *_: told.set())
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka_bootstrap_servers,
            client_id=f"{self._source}-relay",
            acks="all",
            enable_idempotence=True,
            max_batch_size=512 * 1024,
            metadata_max_age_ms=10_000,
        )
        stack.push_async_callback(self._end, producer)
        await self._awake(connection, within(self._settings.tuning.send_timeout, producer.start()))
        self._writer = (WRITER_HEADER, (await connection.fetchval("SELECT name FROM exactly_once.writer")).encode())
        log = await self._awake(connection, stack.enter_async_context(self._own.log()))
        ends = await self._awake(connection, self._ends(producer))
        beside = _Beside(self._own.ends, ends)
        self._metrics.leads.set(1)
        self._failures, self._trouble = 0, None
        told_at = 0.0
        clock = asyncio.get_running_loop().time
        while True:
            told.clear()
            due = clock() - told_at >= self._settings.tuning.progress_interval
            through = await advance_watermark(connection) if due else None
            at_once = self._at_once
            rows = await connection.fetch(
                "SELECT id, topic, key, value, headers FROM exactly_once.outbox ORDER BY id LIMIT $1", at_once
            )
            if rows:
                ends |= await self._awake(connection, self._publish(producer, rows, beside))
                await connection.execute(
                    "DELETE FROM exactly_once.outbox WHERE id = ANY($1::bigint[])", [row["id"] for row in rows]
                )
            if len(rows) == at_once:
                self._at_once = min(self._settings.tuning.relay_batch, at_once + 1 + at_once // 8)
                continue
            if through is not None:
                ends = await self._awake(connection, self._ends(producer, ends))
                await self._look_beside(connection, log, beside)
                await self._awake(connection, self._say_progress(producer, through, ends))
                told_at = clock()
            with suppress(TimeoutError):  # told is a hint that may be missed
                await within(self._settings.tuning.relay_poll, told.wait())

    async def _awake(self, connection: "asyncpg.Connection[Row]", work: Coroutine[Any, Any, T]) -> T:
        """Waits for the broker, and asks the connection something meanwhile: its silence would lose the lock."""
        working = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait([working], timeout=self._settings.tuning.relay_idle_limit / 4))[0]:
                await connection.execute("SELECT 1")
            return working.result()
        finally:
            working.cancel()

    async def _ends(
        self, producer: AIOKafkaProducer, looked_up: dict[Partition, int] | None = None
    ) -> dict[Partition, int]:
        """The end offset of every partition of this relay's topics; looked up for those that have none yet."""
        ends = dict(looked_up or {})
        prefix = self._settings.topic_prefix
        missing = [
            (topic, partition)
            for topic in (each.name for each in self._topics)
            for partition in await producer.partitions_for(prefix + topic)
            if (topic, partition) not in ends
        ]
        if missing:
            async with Log(self._settings.kafka_bootstrap_servers, prefix) as log:
                ends |= {partition: end for partition, (_, end) in (await log.bounds(missing)).items()}
        return ends

    async def _look_beside(self, connection: "asyncpg.Connection[Row]", log: Log, beside: "_Beside") -> None:
        """Looks up what stands beside this relay's own records. Raises Verdict."""
        bounds = await self._awake(connection, log.bounds(beside.partitions))
        if ranges := beside.take({partition: end for partition, (_, end) in bounds.items()}):
            await self._own.look_up(connection, await self._awake(connection, log.between(ranges)))
        self._metrics.strangers.set(self._own.strangers.total())

    async def _publish(
        self, producer: AIOKafkaProducer, rows: Sequence[Row], beside: "_Beside"
    ) -> dict[Partition, int]:
        """Sends the rows, each key's in order, and waits until the broker has them; returns the new end offsets."""
        by_partition: dict[Partition, list[Row]] = defaultdict(list)
        for row in rows:
            partitions = sorted(await producer.partitions_for(self._settings.topic_prefix + row["topic"]))
            by_partition[row["topic"], self._partition(row["key"], partitions, partitions)].append(row)
        sent = [(partition, await self._send(producer, partition, part)) for partition, part in by_partition.items()]
        ends: dict[Partition, int] = {}
        async with asyncio.timeout(self._settings.tuning.send_timeout):
            for partition, batches in sent:
                for count, acknowledged in batches:
                    offset = (await acknowledged).offset
                    beside.sent(partition, offset, count)
                    ends[partition] = offset + count
        for (topic, _), part in by_partition.items():
            self._metrics.published.labels(topic).inc(len(part))
        return ends

    async def _send(
        self, producer: AIOKafkaProducer, partition: Partition, rows: Sequence[Row]
    ) -> "list[tuple[int, asyncio.Future[Any]]]":
        """Queues the rows of one partition as record batches, in order."""
        batches = []
        remaining = list(rows)
        while remaining:
            batch = producer.create_batch()
            count = 0
            for row in remaining:
                headers = [(name, value.encode()) for name, value in json.loads(row["headers"]).items()]
                headers.append(self._writer)
                if batch.append(key=row["key"], value=row["value"], timestamp=None, headers=headers) is None:
                    break
                count += 1
            topic = self._settings.topic_prefix + partition[0]
            async with asyncio.timeout(self._settings.tuning.send_timeout):
                batches.append((count, await producer.send_batch(batch, topic, partition=partition[1])))
            remaining = remaining[count:]
        return batches

    async def _say_progress(self, producer: AIOKafkaProducer, through: datetime, ends: dict[Partition, int]) -> None:
        """Tells readers that each partition holds, before these offsets, all that was known until `through`."""
        topic = self._settings.topic_prefix + PROGRESS.name
        async with asyncio.timeout(self._settings.tuning.send_timeout):
            sent = []
            # The highest first: a reader hears of a new partition before the others say that all is complete.
            for (name, partition), end in sorted(ends.items(), reverse=True):
                event = ProgressMade(topic=name, partition=partition, through=through, end_offset=end)
                message = encode(event, self._source)
                headers = [*message.headers, self._writer]
                sent.append(await producer.send(topic, message.value, key=message.key, headers=headers))
            await asyncio.wait(sent)
        for future in sent:
            future.result()


class _Beside:
    """What stands on the topics beside one relay's own records: those of relays before it, and of strangers."""

    def __init__(self, looked_up: Mapping[Partition, int], ends: Mapping[Partition, int]) -> None:
        """`looked_up`: up to where the topics have been; further back than a start would look is nothing looked up."""
        self._next = {each: max(looked_up.get(each, 0), end - TAIL) for each, end in ends.items()}
        self._ranges: dict[Partition, tuple[int, int]] = {}

    @property
    def partitions(self) -> list[Partition]:
        """All that are known."""
        return list(self._next)

    def sent(self, partition: Partition, offset: int, count: int) -> None:
        """So many records, from this offset on, are the relay's own."""
        self._until(partition, offset)
        self._next[partition] = max(self._next[partition], offset + count)

    def take(self, ends: Mapping[Partition, int]) -> dict[Partition, tuple[int, int]]:
        """From where to where to look now that the partitions end there: of much a part, and the rest the next time."""
        for partition, end in ends.items():
            self._until(partition, end)
        ranges = {each: (start, min(end, start + AT_ONCE)) for each, (start, end) in self._ranges.items()}
        self._ranges = {
            each: (ranges[each][1], end) for each, (_, end) in self._ranges.items() if ranges[each][1] < end
        }
        return ranges

    def _until(self, partition: Partition, offset: int) -> None:
        start = self._next.setdefault(partition, offset)
        if offset > start:
            self._ranges[partition] = (self._ranges.get(partition, (start,))[0], offset)
            self._next[partition] = offset
