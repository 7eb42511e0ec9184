"""Does the database still know all that its own topics say? One that was restored from a backup does not."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
from aiokafka.errors import KafkaError

from contracts.envelope import Fact
from contracts.topics import Topic
from exactly_once.errors import Verdict, in_a_line
from exactly_once.log import Log
from exactly_once.position import Partition
from exactly_once.provision import admin, described
from exactly_once.records import Connection, Pool, Undecodable, decoder
from exactly_once.settings import KafkaSettings

# A relay that was frozen may have repeated old records at the end: looks behind some of them.
TAIL: Final = 50
AGAIN_AFTER: Final = 1.0
logger: Final = logging.getLogger(__name__)


class OwnTopics:
    """The topics that a service alone writes. `kept` is where each aggregate's revisions are: table and id column."""

    def __init__(
        self, settings: KafkaSettings, pool: Pool, topics: Sequence[Topic], kept: Mapping[str, tuple[str, str]]
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._kept = kept
        self.topics = list(topics)

    async def compare(self) -> None:
        """Raises Verdict when the end of a topic tells of a revision that the database does not have.

        To go on would decide the same submissions anew, under the same revisions and with other instants. While the
        broker or the database does not answer, it waits.
        """
        while True:
            try:
                return await self._compare_all()
            except (OSError, TimeoutError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                logger.warning("the own topics cannot be compared yet: %s", in_a_line(error))
                await asyncio.sleep(AGAIN_AFTER)

    async def _compare_all(self) -> None:
        async with admin(self._settings) as client:
            partitions = await described(client, self._settings, self.topics)
        async with Log(self._settings.kafka_bootstrap_servers, self._settings.topic_prefix) as log:
            for topic in self.topics:
                places = [(topic.name, number) for number in range(partitions[topic.name])]
                for place, records in (await log.tail(places, TAIL)).items():
                    await self._compare(topic, place, records)

    async def _compare(self, topic: Topic, place: Partition, records: Sequence[Any]) -> None:
        decode = decoder(topic)
        async with self._pool.acquire() as connection:
            for record in records:
                try:
                    event: Fact = decode(record)
                except Undecodable:
                    continue  # not of our making: whoever reads it sets it aside
                if not await self.knows(connection, event):
                    raise Verdict(
                        f"{topic.name}/{place[1]} tells at {record.offset} of a revision that this database does not "
                        "know: was it restored from a backup? Nothing is decided until that is clear"
                    )

    async def knows(self, tx: Connection, event: Fact) -> bool:
        """Whether the database has this revision of this aggregate."""
        table, column = self._kept[event.aggregate]
        found: bool = await tx.fetchval(
            f"""
            SELECT EXISTS (SELECT FROM {table}
                            WHERE campaign = $1 AND {column} = $2::text::{"uuid" if column.endswith("_id") else "text"}
                              AND revision = $3)
            """,  # noqa: S608
            event.campaign,
            event.subject,
            event.revision,
        )
        return found
