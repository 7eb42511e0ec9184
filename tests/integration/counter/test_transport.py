"""Counters and a real broker: everything arrives as it was signed, at least once, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.envelope import CONTENT_HASH_HEADER, REPLAYED_AT_HEADER, SIGNATURE_HEADER, header
from contracts.submissions import RecordingSubmitted, SessionClosed
from contracts.topics import RECORDING_SUBMISSIONS
from counter import Counter, KafkaTransport, Outgoing
from counter.submission import outgoing
from exactly_once.provision import provision
from stack.kafka import Kafka
from tests.integration.counter.conftest import on_topic
from tests.servers import Servers
from tests.support import kafka_settings, until
from tests.unit.counter.support import NOON, Office, new_counter, nik, recording, select, values

pytestmark = pytest.mark.xdist_group("transport")

TOPIC = "recording-submissions"


@pytest.fixture
async def transport(stack: Servers, topic_prefix: str) -> AsyncIterator[KafkaTransport]:
    transport = KafkaTransport(stack.bootstrap_servers, topic_prefix=topic_prefix, timeout=10)
    yield transport
    await transport.close()


def swell(counter: Counter, seq: int, size: int) -> bytes:
    """Make a stored message so large; it stays valid JSON."""
    ((value,),) = select(counter, "SELECT value FROM message WHERE seq = ?", seq)
    large: bytes = value + b" " * (size - len(value))
    select(counter, "UPDATE message SET value = ? WHERE seq = ?", large, seq)
    return large


async def test_what_arrives_is_what_was_signed(
    stack: Servers, topic_prefix: str, transport: KafkaTransport, home: Path, office: Office, counter: Counter
) -> None:
    counter.record_many([recording(n, replayed_at=NOON if n == 1 else None) for n in range(1, 1201)])
    counter.close_session()
    with Counter.open(home, transport=transport) as sender:
        assert (await sender.send()).sent == 1201
    records = await on_topic(stack.bootstrap_servers, topic_prefix + TOPIC)
    assert [record.value for record in records] == values(counter), "in order, and on one partition"
    assert {record.key for record in records} == {counter.device_id.encode()}
    public = office.devices[counter.device_id]["public_key"]
    key = Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(public + "="))
    for record in records:
        signature = header(record.headers, SIGNATURE_HEADER)
        assert signature is not None
        key.verify(urlsafe_b64decode(signature + b"=="), record.value)
        assert header(record.headers, CONTENT_HASH_HEADER)
    first, last = records[0], records[-1]
    assert header(first.headers, REPLAYED_AT_HEADER) == NOON.isoformat().encode()
    assert header(first.headers, "ce_type") == RecordingSubmitted.type.encode()
    assert office.open(first.value).nik == nik(1)
    assert SessionClosed.model_validate_json(last.value).submissions == 1200
    everything = b"".join(
        record.value + record.key + b"".join(value or b"" for _, value in record.headers) for record in records
    )
    assert nik(1).encode() not in everything and b"2007-01-31" not in everything


async def test_one_transport_serves_many_counters_at_once(
    stack: Servers, topic_prefix: str, transport: KafkaTransport, tmp_path: Path, office: Office
) -> None:
    counters = [await new_counter(tmp_path / str(n), office, transport=transport) for n in range(12)]
    for counter in counters:
        counter.record_many([recording(n) for n in range(1, 31)])
    summaries = await asyncio.gather(*(counter.send() for counter in counters))
    assert all(summary.complete and summary.sent == 30 for summary in summaries)
    records = await on_topic(stack.bootstrap_servers, topic_prefix + TOPIC)
    for counter in counters:
        mine = [record.value for record in records if record.key == counter.device_id.encode()]
        assert mine == values(counter)
        counter.close()


@pytest.mark.parametrize("size", [2 * 1024 * 1024, 1024 * 1024 + 1, 1024 * 1024 - 300])
async def test_a_record_too_large_is_refused_and_the_others_go_on(
    stack: Servers, topic_prefix: str, transport: KafkaTransport, home: Path, counter: Counter, size: int
) -> None:
    counter.record_many([recording(n) for n in (1, 2, 3)])
    swell(counter, 2, size)
    with Counter.open(home, transport=transport) as sender:
        summary = await sender.send()
        assert (summary.sent, summary.left) == (2, 0)
        ((number, why),) = summary.refused
        assert number == 2 and why.startswith("too large for the topic (at most 1,048,576 bytes)")
        sender.record(recording(4))
        assert (await sender.send()).sent == 1, "the producer is as good as new"
    records = await on_topic(stack.bootstrap_servers, topic_prefix + TOPIC)
    assert [RecordingSubmitted.model_validate_json(record.value).device_seq for record in records] == [1, 3, 4]


async def test_what_the_broker_itself_refuses_harms_no_batch_mate(
    stack: Servers, topic_prefix: str, transport: KafkaTransport, home: Path, counter: Counter
) -> None:
    """The broker's limit is lower than ours: it refuses the whole batch, and the sequence number is burnt."""
    arguments = ["--entity-type", "topics", "--entity-name", topic_prefix + TOPIC, "--add-config"]
    await asyncio.to_thread(
        stack.kafka.tool,
        "kafka.admin.ConfigCommand",
        "--bootstrap-server",
        stack.bootstrap_servers,
        "--alter",
        *arguments,
        "max.message.bytes=20000",
    )
    counter.record_many([recording(n) for n in range(1, 21)])
    swell(counter, 10, 40_000)
    with Counter.open(home, transport=transport) as sender:
        summary = await sender.send(deadline=20)
        assert (summary.sent, [number for number, _ in summary.refused], summary.left) == (19, [10], 0)
    records = await on_topic(stack.bootstrap_servers, topic_prefix + TOPIC)
    arrived = {RecordingSubmitted.model_validate_json(record.value).device_seq for record in records}
    assert arrived == {*range(1, 21)} - {10}


async def test_a_missing_topic_is_told_and_everything_stays(stack: Servers, home: Path, counter: Counter) -> None:
    counter.record(recording())
    transport = KafkaTransport(stack.bootstrap_servers, topic_prefix="nowhere.", timeout=2)
    with Counter.open(home, transport=transport) as sender:
        summary = await sender.send(deadline=1)
    await transport.close()
    assert (summary.ended, summary.left) == ("deadline", 1)
    assert "nowhere." in summary.error


async def test_killed_in_the_middle_of_sending_nothing_is_lost_and_nothing_changes(
    stack: Servers, topic_prefix: str, home: Path, counter: Counter
) -> None:
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": topic_prefix,
    }
    command = [sys.executable, "-m", "counter", "send", "--home", str(home)]
    expected: list[Outgoing] = []

    async def send() -> asyncio.subprocess.Process:
        nowhere = asyncio.subprocess.DEVNULL
        return await asyncio.create_subprocess_exec(*command, env=environment, stdout=nowhere, stderr=nowhere)

    async def more_is_sent(than: int) -> bool:
        return counter.status().sent > than

    interrupted = 0
    while interrupted < 3:
        if counter.status().stored_here < 2000:  # it was faster than the kill
            first = len(expected) + 1
            counter.record_many([recording(n % 9999 + 1) for n in range(3000)])
            expected += [outgoing(message, counter.device_id) for message in counter.queue.unsent(first - 1, 5000)]
        before, process = counter.status().sent, await send()
        await until(lambda before=before: more_is_sent(before))
        process.kill()
        await process.wait()
        interrupted += counter.status().stored_here > 0
    process = await send()
    assert await process.wait() == 0
    now = counter.status()
    assert (now.sent, now.stored_here, now.needs_attention) == (len(expected), 0, 0)
    records = await on_topic(stack.bootstrap_servers, topic_prefix + TOPIC)
    arrived = {(record.key, record.value, tuple(record.headers)) for record in records}
    assert arrived == {(one.key, one.value, tuple(one.headers)) for one in expected}


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker that may be killed."""
    with Kafka(tmp_path_factory.mktemp("own")) as kafka:
        yield kafka


@pytest.fixture
async def own_prefix(own_kafka: Kafka) -> str:
    prefix = f"t{uuid.uuid4().hex[:12]}."
    await provision(kafka_settings(own_kafka.bootstrap_servers, prefix), [RECORDING_SUBMISSIONS])
    return prefix


async def test_broker_down_and_back(own_kafka: Kafka, own_prefix: str, home: Path, counter: Counter) -> None:
    transport = KafkaTransport(own_kafka.bootstrap_servers, topic_prefix=own_prefix, timeout=3)
    counter.record_many([recording(n) for n in range(1, 101)])
    with Counter.open(home, transport=transport) as sender:
        assert (await sender.send()).complete
        own_kafka.kill()
        sender.record_many([recording(n) for n in range(101, 201)])
        down = await sender.send(deadline=1)
        assert (down.ended, down.sent, down.left) == ("deadline", 0, 100)
        assert own_kafka.bootstrap_servers in down.error
        waiting = asyncio.ensure_future(sender.send(deadline=60))
        await asyncio.to_thread(own_kafka.start)
        assert (await waiting).complete
    await transport.close()
    records = await on_topic(own_kafka.bootstrap_servers, own_prefix + TOPIC)
    assert {record.value for record in records} == set(values(counter))


async def test_a_frozen_broker_is_unknown_and_told_in_time(
    own_kafka: Kafka, own_prefix: str, home: Path, counter: Counter
) -> None:
    transport = KafkaTransport(own_kafka.bootstrap_servers, topic_prefix=own_prefix, timeout=1)
    counter.record(recording(1))
    with Counter.open(home, transport=transport) as sender:
        assert (await sender.send()).complete
        sender.record(recording(2))
        own_kafka.freeze()
        try:
            summary = await sender.send(deadline=0.5)
        finally:
            own_kafka.thaw()
        assert (summary.ended, summary.left) == ("deadline", 1)
        assert "no confirmation from Kafka" in summary.error
        assert (await sender.send(deadline=30)).complete
    await transport.close()
    records = await on_topic(own_kafka.bootstrap_servers, own_prefix + TOPIC)
    assert {record.value for record in records} == set(values(counter)), "twice perhaps, but never changed"


async def test_a_transport_after_close_keeps_no_task(transport: KafkaTransport) -> None:
    before = asyncio.all_tasks()
    outcomes = await transport.send([Outgoing(b"k", b"v", [])])
    assert [one.state for one in outcomes] == ["sent"]
    await transport.close()
    assert asyncio.all_tasks() == before
