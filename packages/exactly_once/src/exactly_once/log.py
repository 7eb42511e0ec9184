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

    async def tail(self, partitions: Sequence[Partition], count: int) -> dict[Partition, list[Record]]:
        """The last records of each partition, `count` at most. Raises TimeoutError and aiokafka's errors."""
        bounds = await self.bounds(partitions)
        return await self.between({each: (max(begin, end - count), end) for each, (begin, end) in bounds.items()})

    async def between(self, ranges: Mapping[Partition, tuple[int, int]]) -> dict[Partition, list[Record]]:
        """The records of each partition from one offset to before another. Raises as `tail` does."""
        wanted = {self._named(partition): partition for partition, (start, end) in ranges.items() if end > start}
        between: dict[Partition, list[Record]] = {partition: [] for partition in wanted.values()}
        if not wanted:
            return between
        async with self._one_at_a_time, asyncio.timeout(ANSWER_WITHIN):
            self._consumer.assign(list(wanted))
            for named, partition in wanted.items():
                self._consumer.seek(named, ranges[partition][0])
            open_ends = set(wanted)
            while open_ends:
                for named, records in (await self._consumer.getmany(*open_ends, timeout_ms=1000)).items():
                    end = ranges[wanted[named]][1]
                    between[wanted[named]] += [record for record in records if record.offset < end]
                open_ends = {
                    named for named in open_ends if await self._consumer.position(named) < ranges[wanted[named]][1]
                }
        return between

    async def scan(self, partition: Partition, first: int, last: int) -> AsyncIterator[list[Record]]:
        """The records from the first to the last of these offsets, some at a time. Raises as `bounds` does."""
        begin, end = (await self.bounds([partition]))[partition]
        named, last = self._named(partition), min(last, end - 1)
        async with self._one_at_a_time:
            self._consumer.assign([named])
            self._consumer.seek(named, max(first, begin))
            while await self._consumer.position(named) <= last:
                fetch = self._consumer.getmany(named, timeout_ms=1000, max_records=500)
                records = (await within(ANSWER_WITHIN, fetch)).get(named, [])
                yield [record for record in records if record.offset <= last]

    def _named(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._prefix + partition[0], partition[1])
