"""Does the database still know all that its own topics say? One that was restored from a backup does not."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka.errors import UnknownTopicOrPartitionError

from contracts.envelope import Fact
from contracts.topics import Topic
from exactly_once.errors import OUTAGE, Verdict, in_a_line
from exactly_once.facts import FactTable
from exactly_once.log import Log
from exactly_once.position import Partition
from exactly_once.preflight import preflight
from exactly_once.provision import admin, described
from exactly_once.records import Connection, Pool, Undecodable, decoder
from exactly_once.settings import KafkaSettings

# A relay that was frozen may have repeated old records at the end: looks behind some of them.
TAIL: Final = 50
AGAIN_AFTER: Final = 1.0
ANSWER_WITHIN: Final = 5.0
logger: Final = logging.getLogger(__name__)


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

    def problems(self) -> list[str]:
        return [] if self.compared else ["not compared with the database yet"]

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
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._invalidated.wait(), AGAIN_AFTER)
        finally:
            connection.remove_termination_listener(self._lost)

    async def _written(self, connection: Connection) -> int:
        """How many events have ever been written into the outbox, or more: it goes back with the database alone."""
        query = connection.fetchval("SELECT last_value FROM exactly_once.outbox_id_seq")
        written: int = await asyncio.wait_for(query, ANSWER_WITHIN)
        return written

    def _lost(self, _connection: object) -> None:
        self.invalidate()

    async def compare(self, connection: Connection) -> None:
        """Looks up the end of each topic. Raises Verdict, TimeoutError, OSError and the clients' errors."""
        async with admin(self._settings) as client:
            partitions = await described(client, self._settings, self.topics)
        if len(partitions) < len(self.topics):
            raise UnknownTopicOrPartitionError
        async with Log(self._settings.kafka_bootstrap_servers, self._settings.topic_prefix) as log:
            for topic in self.topics:
                numbered = [(topic.name, number) for number in range(partitions[topic.name])]
                for partition, records in (await log.tail(numbered, TAIL)).items():
                    await self._look_up(connection, topic, partition, records)

    async def _look_up(
        self, connection: Connection, topic: Topic, partition: Partition, records: Sequence[Any]
    ) -> None:
        decode = decoder(topic)
        for record in records:
            try:
                event: Fact = decode(record)
            except Undecodable:
                continue  # not of our making: whoever reads it sets it aside
            if not await self.knows(connection, event):
                raise Verdict(
                    f"{topic.name}/{partition[1]} tells at {record.offset} of a revision that this database does not "
                    "know: was it restored from a backup? Nothing is decided until that is clear"
                )

    async def knows(self, tx: Connection, event: Fact) -> bool:
        return await self._table_of[type(event)].knows(tx, event)
