"""Through Apache Kafka: what counters send is decided and published, whatever else is on the topic."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from chassis.run import App, HttpServer
from contracts.topics import RECORDING_SUBMISSIONS, RECORDINGS, SUBMISSION_DECISIONS
from enrollment.app import build
from enrollment.settings import Settings
from exactly_once import Received
from stack.postgres import Database
from tests.integration.enrollment.audit import audit
from tests.integration.enrollment.conftest import service_settings
from tests.integration.enrollment.world import World, at, nik
from tests.servers import Servers
from tests.support import until

CANARY = "3573990102030404"


@pytest.fixture
def enrollment_settings(stack: Servers, migrated: Database, topic_prefix: str) -> Settings:
    """With topics of its own."""
    return service_settings(migrated, stack.bootstrap_servers, topic_prefix)


@asynccontextmanager
async def running(app: App, *roles: str) -> AsyncIterator[None]:
    """The parts of a process but its HTTP server, until the block ends."""
    parts = [part for part in app.of(roles) if not isinstance(part, HttpServer)]  # type: ignore[arg-type]
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        await until(lambda: settled(parts, tasks))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def settled(parts: Sequence[Any], tasks: Sequence[asyncio.Task[None]]) -> bool:
    for task in tasks:
        if task.done():
            task.result()
    return not any(part.problems() for part in parts)


@asynccontextmanager
async def producing(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, enable_idempotence=True, max_request_size=4_000_000
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def send(producer: AIOKafkaProducer, settings: Settings, messages: Sequence[Received[Any]]) -> None:
    topic = settings.topic_prefix + RECORDING_SUBMISSIONS.name
    for message in messages:
        record = message.record
        await producer.send(topic, record.value, key=record.key, headers=list(record.headers))
    await producer.flush()


async def all_of(settings: Settings, topic: str, count: int) -> list[dict[str, Any]]:
    """So many records of a topic, from its beginning."""
    consumer = AIOKafkaConsumer(
        settings.topic_prefix + topic,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            return [json.loads((await consumer.getone()).value) for _ in range(count)]
    finally:
        await consumer.stop()


async def test_from_the_counter_to_the_topics(world: World) -> None:
    settings = world.settings
    await world.open()
    counters = [await world.counter(f"device-{number}") for number in range(3)]
    messages = [counters[n % 3].submission(nik(1 + n % 20), at(1 + n), replayed_at=at(25)) for n in range(30)]
    async with running(world.app, "api", "worker", "relay"), producing(settings) as producer:
        await send(producer, settings, messages + messages[:10])
        decided = await all_of(settings, SUBMISSION_DECISIONS.name, 30)
        persons = {one["person_id"] for one in await all_of(settings, RECORDINGS.name, 20)}
        assert len(persons) == 20
        assert {one["submission_id"] for one in decided} == {message.event.submission_id for message in messages}
        for message in messages[:5]:
            assert (await world.decision(message))[0] in ("counted", "duplicate")
    assert await world.pool.fetchval("SELECT count(*) FROM enrollment.submission") == 30


async def test_bad_records_are_set_aside_and_nobody_else_is_harmed(world: World) -> None:
    settings = world.settings
    await world.open()
    counter = await world.counter()
    topic = settings.topic_prefix + RECORDING_SUBMISSIONS.name
    good = [counter.submission(nik(1)), counter.submission(nik(2))]
    typed = [("ce_type", b"jemputbola.recording-submitted.v1")]
    record: Any = good[0].record
    wrong = json.loads(record.value) | {"place": CANARY, "device_seq": 0}
    async with running(world.app, "worker"), producing(settings) as producer:
        await send(producer, settings, good[:1])
        for value, headers in [
            (CANARY.encode(), typed),
            (b'{"nik": "' + CANARY.encode() + b'"}', typed),
            (json.dumps(wrong).encode(), typed),
            (b"{}", [("ce_type", b"jemputbola.never-heard-of.v1")]),
            (b"{}", []),
            (b"\xff\xfe", [*typed, ("jb-signature", b"\xff\xfe")]),
            (None, typed),
            (record.value, [("ce_type", None)]),
        ]:
            await producer.send(topic, value, key=b"mpp-1", headers=headers)
    async with producing(settings) as large:
        with pytest.raises(KafkaError):  # the broker refuses it; the topic takes 1 MiB
            await large.send_and_wait(topic, b"x" * 2_000_000, key=b"mpp-1")
    again = build(settings)
    async with again, producing(settings) as producer, running(again, "worker"):
        await send(producer, settings, good[1:])
        await until(lambda: is_decided(world, good[1]))
        letters = (await world.http.get("/v1/dead-letters")).json()["dead_letters"]
    assert [letter["reason"] for letter in letters] == [
        "wrong_field", "wrong_field", "wrong_field", "unknown_type", "missing_type", "malformed", "tombstone",
        "unknown_type",
    ]  # fmt: skip
    assert CANARY not in json.dumps(letters)
    sealed = await world.pool.fetch("SELECT sealed::text, detail FROM exactly_once.dead_letter")
    assert not any(CANARY in text or CANARY.encode().hex() in text for row in sealed for text in row)
    assert [await world.decision(message) for message in good] == [("counted", None)] * 2
    await audit(world.pool)


async def is_decided(world: World, message: Received[Any]) -> bool:
    url = f"/v1/campaigns/{message.event.campaign}/submissions/{message.event.submission_id}"
    return (await world.http.get(url)).status_code == 200


async def test_two_processes_and_an_office_at_once(world: World) -> None:
    """The partitions move from one owner to two and back while the office voids: the tables are the fold."""
    settings = world.settings
    await world.open()
    counters = [await world.counter(f"device-{number}") for number in range(6)]
    messages = [counters[n % 6].submission(nik(1 + n % 37), at(1 + n % 25, n % 24)) for n in range(400)]

    async def office() -> None:
        for message in messages[:40]:
            await until(lambda message=message: is_decided(world, message))
            answer = await world.office("void", message, known_at=at(25))
            assert answer.status_code in (200, 409)

    async with producing(settings) as producer, running(world.app, "worker"):
        await send(producer, settings, messages[:150])
        voiding = asyncio.create_task(office())
        other = build(settings)
        async with other, running(other, "worker"):
            await send(producer, settings, messages[150:300])
        await send(producer, settings, messages[300:])
        await voiding
        await until(lambda: all_decided(world, len(messages)))
    states = await audit(world.pool)
    assert len(states) == 37


async def all_decided(world: World, count: int) -> bool:
    return bool(await world.pool.fetchval("SELECT count(*) = $1 FROM enrollment.submission", count))
