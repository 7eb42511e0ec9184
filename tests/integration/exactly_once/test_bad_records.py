"""Bad records: set aside with reason and position, nobody else harmed; a flood of them stops the consumer."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from prometheus_client import CollectorRegistry

from contracts.envelope import encode
from contracts.topics import RECORDINGS
from exactly_once import Batch, Connection, DeadLetters, KafkaSettings, Subscription, Verdict, flood
from tests.ledger import consuming, count, ledger_consumer, producing, recording, send, send_raw
from tests.support import tuned, until

GOOD = encode(recording(1), "test")
TYPE = ("ce_type", b"jemputbola.recording-completed.v1")


POISON: dict[str, tuple[bytes | None, list[tuple[str, bytes | None]], str | None]] = {
    "tombstone": (None, [TYPE], "tombstone"),
    "no type": (GOOD.value, [], "missing_type"),
    "null type": (GOOD.value, [("ce_type", None)], "unknown_type"),
    "unknown type": (GOOD.value, [("ce_type", b"jemputbola.person-born.v1")], "unknown_type"),
    "type of another topic": (GOOD.value, [("ce_type", b"jemputbola.school-listed.v1")], "unknown_type"),
    "type that is no UTF-8": (GOOD.value, [("ce_type", b"\xff\xfe")], "unknown_type"),
    "empty": (b"", [TYPE], "malformed"),
    "no JSON": (b"{", [TYPE], "malformed"),
    "not UTF-8": (b'{"campaign": "\xff"}', [TYPE], "malformed"),
    "two values": (GOOD.value + b"," + GOOD.value, [TYPE], "malformed"),
    "a list": (b"[]", [TYPE], "wrong_field"),
    "a field is missing": (GOOD.value.replace(b'"counts"', b'"count"'), [TYPE], "wrong_field"),
    "a field is wrong": (GOOD.value.replace(b'"counts":true', b'"counts":"perhaps"'), [TYPE], "wrong_field"),
    "an instant without offset": (GOOD.value.replace(b"Z", b""), [TYPE], "wrong_field"),
    # Odd, but an event all the same.
    "null header": (GOOD.value, [TYPE, ("trace", None)], None),
    "a header that is no UTF-8": (GOOD.value, [TYPE, ("trace", b"\xff")], None),
}


class NotUtf8(str):
    """A header's name that leaves the producer as bytes which are no UTF-8."""

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


async def test_a_header_whose_name_is_no_utf_8(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    """aiokafka raises UnicodeDecodeError for its whole fetch, again and again: our reader goes on."""
    await send(settings, [recording(number) for number in range(50)])
    async with producing(settings) as producer:
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 16384)
        for number in range(50, 60):
            message = encode(recording(number), "test")
            headers = [*message.headers, *([(NotUtf8("trace"), b"1")] if number == 55 else [])]
            batch.append(key=message.key, value=message.value, timestamp=None, headers=headers)
        await (await producer.send_batch(batch, settings.topic_prefix + RECORDINGS.name, partition=3))
    await send(settings, [recording(number) for number in range(60, 100)])
    async with consuming(ledger_consumer(settings, pool)):
        await until(lambda: pool.fetchval("SELECT sum(next_offset) = 100 FROM exactly_once.position"))
    assert await pool.fetchval("SELECT n FROM total") == 100


async def test_a_record_over_which_decoding_itself_fails(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    """Not in a way that a contract foresees: it stands alone all the same, and none behind it waits."""

    def prepare(received: Any) -> None:
        1 / (received.event.revision - 7)

    consumer = ledger_consumer(settings, pool)
    consumer._applier._prepare[RECORDINGS.name] = prepare
    await send(settings, [recording(number, revision=7 if number == 50 else 1) for number in range(100)])
    async with consuming(consumer):
        await until(lambda: pool.fetchval("SELECT sum(next_offset) = 100 FROM exactly_once.position"))
    assert await pool.fetchval("SELECT n FROM total") == 99
    rows = await pool.fetch("SELECT reason, detail FROM exactly_once.dead_letter")
    assert [tuple(row) for row in rows] == [("refused", "ZeroDivisionError")]


@pytest.mark.parametrize("kind", POISON)
async def test_poison_in_the_middle_of_a_batch(kind: str, settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    value, headers, reason = POISON[kind]
    before = [recording(number) for number in range(100, 150)]
    after = [recording(number) for number in range(200, 250)]
    await send(settings, before)
    await send_raw(settings, value, headers)
    await send(settings, after)
    async with consuming(ledger_consumer(settings, pool)):
        await until(lambda: pool.fetchval("SELECT sum(next_offset) = 101 FROM exactly_once.position"))
    letters = await DeadLetters(settings.dead_letter_key.get_secret_value()).list(pool)
    assert [letter.reason for letter in letters] == ([] if reason is None else [reason])
    assert await pool.fetchval("SELECT n FROM total") == (101 if reason is None else 100)


async def test_the_record_that_the_handler_cannot_take_stands_alone(
    settings: KafkaSettings, pool: asyncpg.Pool
) -> None:
    """PostgreSQL refuses one record's data: the batch is halved until that one is found."""

    async def handle(tx: Connection, batch: Batch[Any]) -> None:
        await count(tx, batch)
        revisions = [received.event.revision for received in batch]
        await tx.fetch("SELECT 100 / (revision - 7) FROM unnest($1::int[]) AS revision", revisions)

    people = [recording(number) for number in range(200)]
    people[77] = recording(77, revision=7)
    await send(settings, people)
    async with consuming(ledger_consumer(settings, pool, handle)):
        await until(lambda: pool.fetchval("SELECT sum(next_offset) = 200 FROM exactly_once.position"))
    assert await pool.fetchval("SELECT n FROM total") == 199
    assert await pool.fetchval("SELECT array_agg(reason) FROM exactly_once.dead_letter") == ["refused"]


async def test_holes_in_the_log_and_a_bad_record(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    """A producer's transactions leave markers between the records: halving must not stumble over the holes."""

    async def handle(tx: Connection, batch: Batch[Any]) -> None:
        await count(tx, batch)
        revisions = [received.event.revision for received in batch]
        await tx.fetch("SELECT 100 / (revision - 7) FROM unnest($1::int[]) AS revision", revisions)

    topic = settings.topic_prefix + RECORDINGS.name
    transactional = settings.topic_prefix + "counter"
    async with AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, transactional_id=transactional
    ) as producer:
        for part in range(4):
            async with producer.transaction():
                for number in range(part * 10, part * 10 + 10):
                    message = encode(recording(number, revision=7 if number == 15 else 1), "test")
                    await producer.send(topic, message.value, key=message.key, headers=message.headers, partition=3)
    async with consuming(ledger_consumer(settings, pool, handle)):
        await until(lambda: pool.fetchval("SELECT n = 39 FROM total"))
    assert await pool.fetchval("SELECT array_agg(reason) FROM exactly_once.dead_letter") == ["refused"]


async def test_what_the_handler_rejects_is_a_dead_letter_of_the_same_transaction(
    settings: KafkaSettings, pool: asyncpg.Pool
) -> None:
    async def handle(tx: Connection, batch: Batch[Any]) -> None:
        for received in batch:
            if received.event.revision == 7:
                batch.reject(received, "seventh", "revisions end at six")
        await count(tx, Batch([received for received in batch if received.event.revision != 7]))

    await send(settings, [recording(1), recording(2, revision=7), recording(3)])
    async with consuming(ledger_consumer(settings, pool, handle)):
        await until(lambda: pool.fetchval("SELECT sum(next_offset) = 3 FROM exactly_once.position"))
    assert await pool.fetchval("SELECT n FROM total") == 2
    row = await pool.fetchrow("SELECT * FROM exactly_once.dead_letter")
    assert (row["reason"], row["detail"], row["status"]) == ("seventh", "revisions end at six", "waiting")


async def waiting_is(registry: CollectorRegistry, count: int) -> bool:
    return registry.get_sample_value("dead_letters_waiting", {"topic": "recordings"}) == count


async def test_a_dead_letter_is_told_and_not_readable_in_the_database(
    settings: KafkaSettings, pool: asyncpg.Pool
) -> None:
    await send_raw(settings, b'{"nik": "3573990101070001"}', [TYPE, ("x", b"3573990101070001")])
    registry = CollectorRegistry()
    async with consuming(ledger_consumer(settings, pool, registry=registry)):
        await until(lambda: waiting_is(registry, 1))
        await pool.execute("UPDATE exactly_once.dead_letter SET status = 'discarded'")
        await until(lambda: waiting_is(registry, 0))
        await pool.execute("UPDATE exactly_once.dead_letter SET status = 'waiting'")
    rows = await pool.fetch("SELECT * FROM exactly_once.dead_letter")
    assert "3573990101070001" not in str([dict(row) for row in rows])
    letters = DeadLetters(settings.dead_letter_key.get_secret_value())
    async with pool.acquire() as tx, tx.transaction():
        record = await letters.record(tx, (await letters.list(tx))[0].id)
    assert record.value == b'{"nik": "3573990101070001"}'
    assert record.headers[1] == ("x", b"3573990101070001")


async def test_replay_goes_through_the_same_handler(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    healed = False

    async def handle(tx: Connection, batch: Batch[Any]) -> None:
        for received in batch:
            if not healed:
                batch.reject(received, "not_yet")
        if healed:
            await count(tx, batch)

    await send(settings, [recording(1)])
    async with consuming(ledger_consumer(settings, pool, handle)):
        await until(lambda: pool.fetchval("SELECT count(*) = 1 FROM exactly_once.dead_letter"))
    letters = DeadLetters(settings.dead_letter_key.get_secret_value(), settings.topic_prefix)
    async with pool.acquire() as tx, tx.transaction():
        (letter,) = await letters.list(tx)
        assert (await letters.replay(tx, letter.id, [Subscription(RECORDINGS, handle)])).status == "waiting"
        assert await tx.fetchval("SELECT n FROM total") == 0
        healed = True
        assert (await letters.replay(tx, letter.id, [Subscription(RECORDINGS, handle)])).status == "replayed"
        assert await tx.fetchval("SELECT n FROM total") == 1
        with pytest.raises(LookupError):
            await letters.replay(tx, letter.id, [Subscription(RECORDINGS, handle)])
        with pytest.raises(LookupError):
            await letters.discard(tx, letter.id, "twice")


async def test_a_flood_stops_the_consumer_before_the_batch_commits(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    await send(settings, [recording(number) for number in range(10)])
    for _ in range(20):
        await send_raw(settings, b"junk", [TYPE], partition=0)
    consumer = ledger_consumer(settings, pool)
    async with consuming(consumer) as task:
        await asyncio.wait([task], timeout=20)
        said = "flood of bad records: 20 in a row; in this batch recordings/0 up to .*, mostly malformed. Look at them"
        with pytest.raises(Verdict, match=said):
            task.result()
        assert "flood" in consumer.problems()[0]
    assert await pool.fetchval("SELECT count(*) FROM exactly_once.dead_letter") == 0
    end = await pool.fetchval("SELECT next_offset FROM exactly_once.position WHERE partition = 0")
    async with pool.acquire() as tx, tx.transaction():
        await flood.let_pass(tx, "recordings", 0, end + 40, "looked at")
    async with consuming(ledger_consumer(settings, pool)):
        await until(lambda: pool.fetchval("SELECT sum(next_offset) = 30 FROM exactly_once.position"))
    assert await pool.fetchval("SELECT count(*) FROM exactly_once.dead_letter") == 20
    assert await pool.fetchval("SELECT n FROM total") == 10


async def test_the_verdict_on_a_flood_stands_until_a_person_lets_it_pass(
    settings: KafkaSettings, pool: asyncpg.Pool
) -> None:
    """A process that is started again counts from 0: without the verdict each start would set some more aside."""
    for _ in range(25):
        await send_raw(settings, b"junk", [TYPE], partition=0)
    eager = tuned(settings, max_records=10)
    for _ in range(3):
        async with consuming(ledger_consumer(eager, pool)) as task:
            await asyncio.wait([task], timeout=20)
            with pytest.raises(Verdict, match="flood of bad records: 20 in a row"):
                task.result()
    assert await pool.fetchval("SELECT count(*) FROM exactly_once.dead_letter") == 10
    async with pool.acquire() as tx, tx.transaction():
        await flood.let_pass(tx, "recordings", 0, 25, "looked at")
    async with consuming(ledger_consumer(eager, pool)):
        await until(lambda: pool.fetchval("SELECT count(*) = 25 FROM exactly_once.dead_letter"))


async def test_a_restart_forgets_no_bad_record(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    for _ in range(19):
        await send_raw(settings, b"junk", [TYPE], partition=0)
    async with consuming(ledger_consumer(settings, pool)):
        await until(lambda: pool.fetchval("SELECT count(*) = 19 FROM exactly_once.dead_letter"))
    await send_raw(settings, b"junk", [TYPE], partition=0)
    async with consuming(ledger_consumer(settings, pool)) as task:
        await asyncio.wait([task], timeout=20)
        with pytest.raises(Verdict, match="flood of bad records: 20 in a row"):
            task.result()
    assert await pool.fetchval("SELECT count(*) FROM exactly_once.dead_letter") == 19
