"""Takes again by itself what was set aside for a device that was not registered, once it is.

Doing it twice does no harm: a submission that was decided already is a repeat.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from exactly_once import Batch, Connection, DeadLetters, KafkaSettings, OwnTopics, Pool, Received, Subscription
from exactly_once.errors import OUTAGE, in_a_line, is_of_the_world
from exactly_once.log import Log
from exactly_once.records import Record, Undecodable, decoder
from exactly_once.set_aside import Overflow, claims, close_overflow, overflow

logger: Final = logging.getLogger(__name__)
LOOK_EVERY: Final = 1.0
FETCH_BYTES: Final = 1024 * 1024
REASONS: Final = ("unknown_device", "unknown_campaign")


async def readmit(tx: Connection, device_id: str, campaign: str) -> None:
    """Orders it, in the transaction that registers the device for the campaign."""
    await tx.execute(
        "INSERT INTO enrollment.readmission (device_id, campaign) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        device_id,
        campaign,
    )


class Readmission:
    """Component: does what was ordered, beside the consumer and with its code."""

    name = "readmission"

    def __init__(
        self, settings: KafkaSettings, pool: Pool, own: OwnTopics, subscriptions: Sequence[Subscription]
    ) -> None:
        self._settings, self._pool, self._own, self._subscriptions = settings, pool, own, subscriptions
        (subscription,) = subscriptions
        self._topic, self._handler = subscription.topic.name, subscription.handler
        self._decode = decoder(subscription.topic)
        self._letters = DeadLetters(settings.dead_letter_key.get_secret_value(), settings.topic_prefix)

    def problems(self) -> list[str]:
        """None: nobody waits for it."""
        return []

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._own.wait()
                rows = await self._pool.fetch("SELECT device_id, campaign FROM enrollment.readmission")
                for row in rows:
                    await self._readmit(row["device_id"], row["campaign"])
            except OUTAGE as error:
                logger.warning("what was set aside cannot be taken again yet: %s", in_a_line(error))
            await asyncio.sleep(LOOK_EVERY)

    async def _readmit(self, device_id: str, campaign: str) -> None:
        await self._see_batches_end()
        async with self._pool.acquire() as tx:
            letters = await self._letters.of_device(tx, self._topic, device_id, campaign, REASONS)
            parts = await overflow(tx, self._topic, (device_id, ""))
        for letter_id in letters:
            async with self._pool.acquire() as tx, tx.transaction():
                await self._letters.replay(tx, letter_id, self._subscriptions)
        done = [part for part in parts if await self._read_again(part, device_id) and part.device_id == device_id]
        async with self._pool.acquire() as tx, tx.transaction():
            for part in done:
                await close_overflow(tx, part)
            await tx.execute(
                "DELETE FROM enrollment.readmission WHERE device_id = $1 AND campaign = $2", device_id, campaign
            )
        logger.info("taken again: %s dead letters, and what was not kept of %s partitions", len(letters), len(parts))

    async def _see_batches_end(self) -> None:
        """Returns once no batch is under way that may not have seen the registration: it would set aside more."""
        query = "SELECT FROM exactly_once.position WHERE topic = $1 ORDER BY partition FOR UPDATE"
        async with self._pool.acquire() as tx, tx.transaction():
            await tx.execute(query, self._topic)

    async def _read_again(self, part: Overflow, device_id: str) -> bool:
        """Hands over what this device has among the records that were not kept; whether none has to wait any longer."""
        settings, all_decided = self._settings, True
        async with Log(
            settings.kafka_bootstrap_servers, settings.topic_prefix, fetch_bytes=FETCH_BYTES, committed=True
        ) as log:
            async for records in log.scan((part.topic, part.partition), part.first_offset, part.last_offset):
                received = [each for record in records if (each := self._decoded(record, device_id)) is not None]
                all_decided = await self._hand_over(received) and all_decided
        return all_decided

    def _decoded(self, record: Record, device_id: str) -> Received[Any] | None:
        if claims(record.value).device_id != device_id:
            return None
        try:
            return Received(self._decode(record), record)
        except Undecodable:
            return None

    async def _hand_over(self, received: Sequence[Received[Any]]) -> bool:
        """Whether none of them has to wait for another registration. One over which the handler fails stands alone."""
        if not received:
            return True
        batch = Batch(list(received))
        try:
            async with self._pool.acquire() as tx, tx.transaction():
                await self._handler(tx, batch)
        except Exception as error:
            if is_of_the_world(error):
                raise
            if len(received) == 1:
                logger.error("a record that was not kept is refused: %s", in_a_line(error))
                return False
            half = len(received) // 2
            return all([await self._hand_over(received[:half]), await self._hand_over(received[half:])])
        return not any(fault.reason in REASONS for fault in batch.faults)
