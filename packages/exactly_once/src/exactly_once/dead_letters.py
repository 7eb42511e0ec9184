"""Dead letters: bad records set aside with reason and position, listed, shown, replayed through the same handler."""

import json
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from aiokafka import ConsumerRecord
from cryptography.fernet import Fernet

from contracts.topics import Topic
from exactly_once.errors import Absent, in_a_line, is_of_the_world
from exactly_once.position import Partition
from exactly_once.records import Batch, Connection, Fault, Received, Record, Undecodable, decoder, logged_at
from exactly_once.set_aside import BadRecord, add_overflow

Handler = Callable[[Connection, Batch[Any]], Awaitable[None]]


@dataclass(frozen=True)
class Subscription:
    """A topic and the code that applies its events, within the batch's transaction.

    `prepare` makes what the handler may want beside each event (`Received.prepared`): of a batch while the one before
    is applied, and of no event that comes another way.
    """

    topic: Topic
    handler: Handler
    prepare: Callable[[Received[Any]], Any] | None = None


@dataclass(frozen=True)
class DeadLetter:
    """One row, without the record itself. What it says of itself nobody has checked."""

    id: int
    topic: str
    partition: int
    offset: int
    logged_at: datetime
    reason: str
    detail: str
    dead_at: datetime
    status: str
    closed_at: datetime | None
    closed_why: str | None
    campaign: str | None
    device_id: str | None
    submission_id: str | None


COLUMNS = """
id, topic, partition, "offset", logged_at, reason, detail, dead_at, status, closed_at, closed_why, campaign, device_id,
submission_id
"""


class DeadLetters:
    """The dead letters of one service. `key` is the Fernet key under which the records are kept."""

    def __init__(self, key: str, topic_prefix: str = "") -> None:
        self._fernet = Fernet(key)
        self._prefix = topic_prefix

    async def write(self, tx: Connection, bad: Sequence[BadRecord]) -> None:
        """Sets the records aside in the batch's transaction; a record that already is stays as it was."""
        overflow: dict[Partition, list[BadRecord]] = defaultdict(list)
        for each in bad:
            if not each.kept:
                record = each.fault.record
                overflow[record.topic.removeprefix(self._prefix), record.partition].append(each)
        for partition, others in sorted(overflow.items()):
            await add_overflow(tx, partition, others)
        await tx.executemany(
            """
            INSERT INTO exactly_once.dead_letter
                   (topic, partition, "offset", logged_at, record_hash, reason, detail, sealed,
                    campaign, device_id, submission_id, counts)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING
            """,
            [self._row(each) for each in bad if each.kept],
        )

    def _row(self, bad: BadRecord) -> tuple[object, ...]:
        record, claims, plain = bad.fault.record, bad.claims, _plain(bad.fault.record)
        return (
            record.topic.removeprefix(self._prefix),
            record.partition,
            record.offset,
            logged_at(record),
            sha256(plain).digest(),
            bad.fault.reason,
            bad.fault.detail,
            self._fernet.encrypt(plain),
            claims.campaign,
            claims.device_id,
            claims.submission_id,
            bad.counts,
        )

    async def list(
        self, tx: Connection, *, status: str = "waiting", after: int = 0, limit: int = 100
    ) -> list[DeadLetter]:
        """Lists those of a status, oldest first, `limit` at most, with an id greater than `after`."""
        rows = await tx.fetch(
            f"""
            SELECT {COLUMNS} FROM exactly_once.dead_letter
             WHERE status = $1 AND id > $2 ORDER BY id LIMIT $3
            """,  # noqa: S608
            status,
            after,
            limit,
        )
        return [DeadLetter(**row) for row in rows]

    async def of_device(
        self, tx: Connection, topic: str, device_id: str, campaign: str, reasons: Collection[str]
    ) -> Sequence[int]:
        """The ids of those that wait, say that they are of this device and campaign, and have one of these reasons."""
        rows = await tx.fetch(
            """
            SELECT id FROM exactly_once.dead_letter
             WHERE topic = $1 AND coalesce(device_id, '') = $2 AND campaign = $3 AND status = 'waiting'
               AND reason = ANY ($4::text[])
             ORDER BY id
            """,
            topic,
            device_id,
            campaign,
            list(reasons),
        )
        return [row["id"] for row in rows]

    async def waiting(self, tx: Connection) -> dict[str, int]:
        """How many wait for a person, by topic."""
        rows = await tx.fetch(
            "SELECT topic, count(*) AS n FROM exactly_once.dead_letter WHERE status = 'waiting' GROUP BY topic"
        )
        return {row["topic"]: row["n"] for row in rows}

    async def get(self, tx: Connection, letter_id: int) -> DeadLetter:
        """One of them. Raises Absent."""
        row = await tx.fetchrow(f"SELECT {COLUMNS} FROM exactly_once.dead_letter WHERE id = $1", letter_id)  # noqa: S608
        if row is None:
            raise Absent(f"there is no dead letter {letter_id}")
        return DeadLetter(**row)

    async def record(self, tx: Connection, letter_id: int) -> Record:
        """The record itself, decrypted: it may hold personal data. Raises Absent."""
        row = await tx.fetchrow(
            """
            SELECT topic, partition, "offset", logged_at, sealed
              FROM exactly_once.dead_letter WHERE id = $1 FOR UPDATE
            """,
            letter_id,
        )
        if row is None:
            raise Absent(f"there is no dead letter {letter_id}")
        return _record(
            row["topic"], row["partition"], row["offset"], row["logged_at"], self._fernet.decrypt(row["sealed"])
        )

    async def replay(self, tx: Connection, letter_id: int, subscriptions: Sequence[Subscription]) -> DeadLetter:
        """Hands the record to the same code again; it stays a dead letter, with the reason of today, if still bad.

        Raises Absent when there is none waiting under this id.
        """
        record = await self.record(tx, letter_id)
        if (await self.get(tx, letter_id)).status != "waiting":
            raise Absent(f"dead letter {letter_id} is closed already")
        subscription = next(each for each in subscriptions if each.topic.name == record.topic)
        try:
            batch = Batch([Received(decoder(subscription.topic)(record), record)])
            async with tx.transaction():
                await subscription.handler(tx, batch)
            faults = batch.faults
        except Undecodable as error:
            faults = [Fault(record, error.reason, error.detail)]
        except Exception as error:
            if is_of_the_world(error):
                raise
            faults = [Fault(record, "refused", in_a_line(error))]
        if faults:
            await tx.execute(
                "UPDATE exactly_once.dead_letter SET reason = $2, detail = $3 WHERE id = $1",
                letter_id,
                faults[0].reason,
                faults[0].detail,
            )
        else:
            await self._close(tx, letter_id, "replayed", "applied")
        return await self.get(tx, letter_id)

    async def discard(self, tx: Connection, letter_id: int, reason: str) -> DeadLetter:
        """Closes a dead letter for good: a person decided so. Raises Absent."""
        letter = await self.get(tx, letter_id)
        if letter.status != "waiting":
            raise Absent(f"dead letter {letter_id} is closed already")
        await self._close(tx, letter_id, "discarded", reason)
        return await self.get(tx, letter_id)

    async def _close(self, tx: Connection, letter_id: int, status: str, why: str) -> None:
        await tx.execute(
            """
            UPDATE exactly_once.dead_letter SET status = $2, closed_why = $3, closed_at = clock_timestamp()
             WHERE id = $1 AND status = 'waiting'
            """,
            letter_id,
            status,
            why,
        )


def _plain(record: Record) -> bytes:
    def text(value: bytes | None) -> str | None:
        return None if value is None else b64encode(value).decode()

    headers = [[name, text(value)] for name, value in record.headers]
    return json.dumps({"key": text(record.key), "value": text(record.value), "headers": headers}).encode()


def _record(topic: str, partition: int, offset: int, logged_at: datetime, plain: bytes) -> Record:
    def content(text: str | None) -> bytes | None:
        return None if text is None else b64decode(text)

    kept = json.loads(plain)
    key, value = content(kept["key"]), content(kept["value"])
    return ConsumerRecord(
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp=round(logged_at.timestamp() * 1000),
        timestamp_type=1,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=-1 if key is None else len(key),
        serialized_value_size=-1 if value is None else len(value),
        headers=tuple((name, content(text)) for name, text in kept["headers"]),
    )
