"""Does the database know all that its own topics say? One that was restored does not, nor what a stranger wrote."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka.errors import UnknownTopicOrPartitionError

from contracts.envelope import Fact, header
from exactly_once.deadline import within
from exactly_once.errors import OUTAGE, Verdict, in_a_line
from exactly_once.facts import FactTable
from exactly_once.log import Log
from exactly_once.position import Partition
from exactly_once.preflight import preflight
from exactly_once.provision import admin, described
from exactly_once.records import Connection, Pool, Record, Undecodable, decoder, logged_at
from exactly_once.settings import KafkaSettings

WRITER_HEADER: Final = "jb-writer"
# Of each partition so many are looked up beside a whole batch, which a relay that was frozen may have repeated at the
# end.
TAIL: Final = 50
FETCH_BYTES: Final = 2 * 1024 * 1024  # the end of a partition in one answer
# A connection that is half open is noticed within 2 s.
AGAIN_AFTER: Final = 0.5
ANSWER_WITHIN: Final = 1.5
logger: Final = logging.getLogger(__name__)

# Strangers' records beyond so many that wait tell nothing new.
STRANGERS_AT_MOST: Final = 1000
KEEP: Final = """
    INSERT INTO exactly_once.unknown_record AS kept (topic, partition, "offset", logged_at, by_stranger)
    SELECT topic, partition, "offset", logged_at, by_stranger
      FROM (SELECT *, row_number() OVER (PARTITION BY by_stranger) AS nth
              FROM unnest($1::text[], $2::int[], $3::bigint[], $4::timestamptz[], $5::bool[])
                   AS record (topic, partition, "offset", logged_at, by_stranger)) AS record
     WHERE NOT by_stranger
        OR nth <= $6 - (SELECT count(*) FROM exactly_once.unknown_record AS waiting
                         WHERE waiting.by_stranger AND waiting.set_aside_at IS NULL)
        OR EXISTS (SELECT FROM exactly_once.unknown_record AS kept
                    WHERE (kept.topic, kept.partition, kept."offset")
                        = (record.topic, record.partition, record."offset"))
     ORDER BY topic, partition, "offset"
    ON CONFLICT (topic, partition, "offset") DO UPDATE SET by_stranger = excluded.by_stranger
    RETURNING topic, partition, "offset", by_stranger, kept.set_aside_at IS NULL AS waits
"""
STRANGER: Final = (
    "a stranger's record on a topic that this service alone writes: %s/%s at %s. Its readers may have believed it: "
    "look at who may write there, then: own-topics set-aside"
)
RESTORED: Final = (
    "of a revision that this database does not know: was it restored from a backup? Nothing is decided until that is "
    "clear. Restore a later backup, or go on without what it tells: own-topics set-aside --all --reason WHY"
)


class OwnTopics:
    """Component: compares the topics that a service alone writes with its database, before anything is decided.

    Again whenever the database has been away, since it may have come back as another: a backup, a standby; and when
    fewer events have been written than before. `tables` have every revision of what the service publishes.
    """

    name = "own topics"

    def __init__(self, settings: KafkaSettings, pool: Pool, tables: Sequence[FactTable[Any]]) -> None:
        self._settings = settings
        self._pool = pool
        self._table_of = {model: table for table in tables for model in table.models}
        self._verified = asyncio.Event()
        self._invalidated = asyncio.Event()
        self.topics = list(dict.fromkeys(topic for table in tables for topic in table.topics))
        self._decoders = {topic.name: decoder(topic) for topic in self.topics}
        self.ends: dict[Partition, int] = {}  # how far the topics have been looked up
        self.strangers: Counter[Partition] = Counter()  # how many of their records wait for a person

    def problems(self) -> list[str]:
        return [] if self.compared else ["not compared with the database yet"]

    def notices(self) -> list[str]:
        """Whose records are on these topics that should not be, and which verb sets them aside."""
        return [
            f"{topic}/{partition} has {count} of a stranger's records: see own-topics list, then own-topics set-aside"
            for (topic, partition), count in sorted(self.strangers.items())
        ]

    @property
    def compared(self) -> bool:
        """Whether the database, as it is there now, knows all that its topics say."""
        return self._verified.is_set()

    async def wait(self) -> None:
        await self._verified.wait()

    def invalidate(self) -> None:
        """Somebody saw that the database went back: compares again."""
        self._verified.clear()
        self._invalidated.set()

    async def run(self) -> None:
        """Until cancelled. Raises Misconfigured at the start, and Verdict when a topic tells of an unknown revision.

        To go on would decide the same submissions anew, under the same revisions and with other instants. While the
        broker or the database does not answer, it waits.
        """
        await preflight(self._settings, self.topics)
        while True:
            try:
                async with self._pool.acquire() as connection:
                    self._invalidated.clear()  # who invalidates while it compares has seen a newer state than it has
                    written = await self._written(connection)
                    await self.compare(connection)
                    await self._verify(connection, written)
            except OUTAGE as error:
                logger.warning("the own topics cannot be compared yet: %s", in_a_line(error))
                await asyncio.sleep(AGAIN_AFTER)
            finally:
                self._verified.clear()

    async def _verify(self, connection: Connection, written: int) -> None:
        """Until this connection ends (it does when the server does), somebody invalidates it, or events are gone."""
        connection.add_termination_listener(self._lost)
        try:
            while (now := await self._written(connection)) >= written and not self._invalidated.is_set():
                written = now
                self._verified.set()
                self.strangers = await within(ANSWER_WITHIN, _strangers(connection))
                with suppress(TimeoutError):
                    await within(AGAIN_AFTER, self._invalidated.wait())
        finally:
            self._verified.clear()  # before the connection is given back, for which one that is half open is waited
            connection.remove_termination_listener(self._lost)

    async def _written(self, connection: Connection) -> int:
        """How many events have ever been written into the outbox, or more: it goes back with the database alone."""
        query = connection.fetchval("SELECT last_value FROM exactly_once.outbox_id_seq")
        written: int = await within(ANSWER_WITHIN, query)
        return written

    def _lost(self, _connection: object) -> None:
        self.invalidate()

    async def compare(self, connection: Connection) -> None:
        """Looks up the end of each topic. Raises Verdict, TimeoutError, OSError and the clients' errors."""
        async with admin(self._settings) as client:
            partitions = await described(client, self._settings, self.topics)
        if len(partitions) < len(self.topics):
            raise UnknownTopicOrPartitionError
        every = [(topic, number) for topic, count in partitions.items() for number in range(count)]
        count = self._settings.tuning.relay_batch + TAIL
        unknown: list[tuple[Partition, Record]] = []
        async with self.log() as log:
            bounds = await log.bounds(every)
            async for records in log.read(
                {each: (max(begin, end - count), end) for each, (begin, end) in bounds.items()}
            ):
                unknown += await self._unknown(connection, records)
        await self._judge(connection, unknown)
        self.ends = {partition: end for partition, (_, end) in bounds.items()}

    def log(self) -> Log:
        """The topics as whoever looks them up reads them."""
        return Log(self._settings.kafka_bootstrap_servers, self._settings.topic_prefix, fetch_bytes=FETCH_BYTES)

    async def look_up(self, connection: Connection, records: Mapping[Partition, Sequence[Record]]) -> None:
        """Keeps which of these records tell of revisions that the database does not know, until a person decides.

        A stranger's are logged, and harm only who believes them. Raises Verdict for one that this or another database's
        relay wrote. What is no event of its topic is left to whoever reads it.
        """
        await self._judge(connection, await self._unknown(connection, records))

    async def _judge(self, connection: Connection, records: Sequence[tuple[Partition, Record]]) -> None:
        """As `look_up`, of what is unknown."""
        since = await connection.fetchval("SELECT since FROM exactly_once.writer")
        # Before the relays wrote their name, anybody's record looked like ours.
        unknown = [
            (*partition, record.offset, logged_at(record), _is_nameless(record) and logged_at(record) >= since)
            for partition, record in records
        ]
        if not unknown:
            return
        waiting = [
            row for row in await connection.fetch(KEEP, *map(list, zip(*unknown, strict=True)), STRANGERS_AT_MOST)
            if row["waits"]
        ]  # fmt: skip
        for row in waiting:
            if row["by_stranger"]:
                logger.error(STRANGER, row["topic"], row["partition"], row["offset"])
        if ours := [row for row in waiting if not row["by_stranger"]]:
            first = f"{ours[0]['topic']}/{ours[0]['partition']} tells at {ours[0]['offset']}"
            more = f" (and {len(ours) - 1} more, see own-topics list)" if len(ours) > 1 else ""
            raise Verdict(f"{first}{more} {RESTORED}")

    async def _unknown(
        self, connection: Connection, records: Mapping[Partition, Sequence[Record]]
    ) -> list[tuple[Partition, Record]]:
        by_table: dict[FactTable[Any], list[tuple[Fact, Partition, Record]]] = defaultdict(list)
        for partition, each in records.items():
            for record in each:
                with suppress(Undecodable):
                    event = self._decoders[partition[0]](record)
                    by_table[self._table_of[type(event)]].append((event, partition, record))
        unknown = []
        for table, told in by_table.items():
            for index in await table.unknown(connection, [event for event, _, _ in told]):
                unknown.append(told[index][1:])
        return unknown


def _is_nameless(record: Record) -> bool:
    return header(record.headers, WRITER_HEADER) is None


async def _strangers(connection: Connection) -> Counter[Partition]:
    rows = await connection.fetch(
        """
        SELECT topic, partition, count(*) AS n FROM exactly_once.unknown_record
         WHERE by_stranger AND set_aside_at IS NULL GROUP BY topic, partition
        """
    )
    return Counter({(row["topic"], row["partition"]): row["n"] for row in rows})


async def set_aside(
    tx: Connection, reason: str, topic: str | None = None, partition: int | None = None, offset: int | None = None
) -> list[tuple[str, int, int]]:
    """Sets the unknown record at that place aside, or without a topic all that wait; returns where they are."""
    rows = await tx.fetch(
        """
        UPDATE exactly_once.unknown_record SET set_aside_at = clock_timestamp(), reason = $1
         WHERE set_aside_at IS NULL AND ($2::text IS NULL OR (topic, partition, "offset") = ($2, $3, $4))
        RETURNING topic, partition, "offset"
        """,
        reason,
        topic,
        partition,
        offset,
    )
    return sorted((row["topic"], row["partition"], row["offset"]) for row in rows)
