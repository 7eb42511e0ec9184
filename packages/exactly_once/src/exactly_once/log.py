"""Looking at the log itself, beside the consumer: bounds of partitions and single records."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from exactly_once import lenient
from exactly_once.deadline import within
from exactly_once.position import Partition
from exactly_once.records import Record

ANSWER_WITHIN: Final = 10.0
AT_ONCE: Final = 300  # records: with more, the collector goes through all that the process holds, again and again


class Log:
    """Reads without a group: what it looks at moves nobody's position. `prefix` is put before the topics' names."""

    def __init__(
        self, bootstrap_servers: str, prefix: str = "", *, fetch_bytes: int = 1024, committed: bool = False
    ) -> None:
        """`fetch_bytes`: how much of a partition is fetched at once; little, where single records are looked at.

        `committed`: what producers' transactions have taken back, or not yet committed, is not there.
        """
        self._bootstrap_servers = bootstrap_servers
        self._prefix = prefix
        self._fetch_bytes = fetch_bytes
        self._isolation_level = "read_committed" if committed else "read_uncommitted"
        self._one_at_a_time = asyncio.Lock()
        self._consumer: AIOKafkaConsumer

    async def __aenter__(self) -> Self:
        lenient.install()
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=self._fetch_bytes,
            isolation_level=self._isolation_level,
            metadata_max_age_ms=2_000,  # partitions that were just added must be records before their owner gives up
        )
        try:
            await within(ANSWER_WITHIN, self._consumer.start())
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def bounds(self, partitions: Sequence[Partition]) -> dict[Partition, tuple[int, int]]:
        """Begin and end offset of each partition. Raises TimeoutError and aiokafka's errors."""
        wanted = {self._named(partition): partition for partition in partitions}
        begin = await within(ANSWER_WITHIN, self._consumer.beginning_offsets(list(wanted)))
        end = await within(ANSWER_WITHIN, self._consumer.end_offsets(list(wanted)))
        return {partition: (begin[named], end[named]) for named, partition in wanted.items()}

    async def first_from(self, offsets: Mapping[Partition, int]) -> dict[Partition, Record]:
        """Of each partition the first record at this offset or, in a gap of the log, after it. Raises TimeoutError."""
        records = {}
        async with self._one_at_a_time:
            for partition, offset in offsets.items():  # together, each would wait for the others' prefetch
                named = self._named(partition)
                self._consumer.assign([named])
                self._consumer.seek(named, offset)
                records[partition] = await within(ANSWER_WITHIN, self._consumer.getone(named))
        return records

    async def between(self, ranges: Mapping[Partition, tuple[int, int]]) -> dict[Partition, list[Record]]:
        """The records of each partition from one offset to before another. Raises as `read` does."""
        between: dict[Partition, list[Record]] = {each: [] for each, (start, end) in ranges.items() if end > start}
        async for records in self.read(ranges):
            for partition, part in records.items():
                between[partition] += part
        return between

    async def scan(self, partition: Partition, first: int, last: int) -> AsyncIterator[list[Record]]:
        """The records from the first to the last of these offsets, some at a time. Raises as `read` does."""
        begin, end = (await self.bounds([partition]))[partition]
        async for records in self.read({partition: (max(first, begin), min(last + 1, end))}):
            yield records.get(partition, [])

    async def read(self, ranges: Mapping[Partition, tuple[int, int]]) -> AsyncIterator[dict[Partition, list[Record]]]:
        """The same as `between`, some at a time: who keeps none of them needs little memory, and little time for it.

        Raises TimeoutError when nothing comes for ANSWER_WITHIN seconds, and aiokafka's errors.
        """
        ends = {self._named(partition): end for partition, (start, end) in ranges.items() if end > start}
        wanted = list(ends)
        if not wanted:
            return
        async with self._one_at_a_time:
            self._consumer.assign(list(ends))
            for partition, (start, _) in ranges.items():
                if (named := self._named(partition)) in ends:
                    self._consumer.seek(named, start)
            while wanted:
                records = await within(ANSWER_WITHIN, self._next(list(wanted)))
                for named in [each for each in wanted if await self._consumer.position(each) >= ends[each]]:
                    self._consumer.pause(named)  # before more is asked for, which the broker would wait for
                    wanted.remove(named)
                yield {
                    (named.topic.removeprefix(self._prefix), named.partition): [
                        record for record in part if record.offset < ends[named]
                    ]
                    for named, part in records.items()
                }

    async def _next(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, Sequence[Record]]:
        """Some records; none, when only what is nobody's record was passed: where a transaction ended."""
        before = [await self._consumer.position(each) for each in partitions]
        while True:
            records: Mapping[TopicPartition, Sequence[Record]] = await self._consumer.getmany(
                *partitions, timeout_ms=1000, max_records=AT_ONCE
            )
            if records or before != [await self._consumer.position(each) for each in partitions]:
                return records

    def _named(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._prefix + partition[0], partition[1])
