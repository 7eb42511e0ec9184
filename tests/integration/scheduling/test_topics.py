"""Through the real Kafka: what `schools` says arrives, and `visits` says what the tables hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from chassis.migrate import migrate
from contracts.envelope import Event, encode
from contracts.topics import SCHOOLS, VISITS
from exactly_once import KafkaSettings
from exactly_once.own_topics import WRITER_HEADER
from exactly_once.records import decoder
from scheduling.app import MIGRATIONS
from scheduling.visits import store
from scheduling.visits.model import event
from stack.postgres import Database
from tests.integration.scheduling.conftest import KNOWN_AT, NPSN, REPLAYED, Scheduling, listed, opened, parts
from tests.support import until


@pytest.fixture
async def running(database: Database, settings: KafkaSettings) -> AsyncIterator[Scheduling]:
    """The whole service: its consumer and relay run."""
    await migrate(database.owner_url, MIGRATIONS)
    beside = await asyncpg.connect(database.url)
    shared = settings.model_dump()
    app = parts(database, **shared)
    async with app, httpx.AsyncClient(transport=httpx.ASGITransport(app.http), base_url="http://scheduling") as http:
        tasks = [asyncio.create_task(component.run()) for component in app.of(["worker", "relay"])]
        yield Scheduling(app, http, beside)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await beside.close()


async def say(settings: KafkaSettings, *events: Event) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    await producer.start()
    try:
        for each in events:
            message = encode(each, "enrollment")
            topic = settings.topic_prefix + SCHOOLS.name
            await producer.send_and_wait(topic, message.value, key=message.key, headers=message.headers)
    finally:
        await producer.stop()


async def heard(settings: KafkaSettings, count: int) -> list[Any]:
    """The first records of `visits`."""
    consumer = AIOKafkaConsumer(
        settings.topic_prefix + VISITS.name,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            return [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()


async def test_a_campaign_arrives_and_its_visits_are_told(running: Scheduling, settings: KafkaSettings) -> None:
    assert (await running.ask("GET", "/visits")).status_code == 404
    # The same revision saying something else, and a school twice: the first stays, nobody else is harmed.
    lie = opened(voting_day="2024-11-01")
    await say(settings, opened(), lie, listed(NPSN[0]), listed(NPSN[0]), listed(NPSN[1]))

    async def arrived() -> bool:
        return bool(
            await running.tx.fetchval(
                "SELECT count(DISTINCT id) = 2 FROM scheduling.school_revision WHERE campaign = $1", REPLAYED
            )
        )

    await until(arrived)
    dead = await running.tx.fetch('SELECT topic, "offset", reason FROM exactly_once.dead_letter')
    assert [tuple(row) for row in dead] == [("schools", 1, "revision_conflict")]

    await running.put_sets("set-1", "set-2")
    moved = await running.scheduled(sets=2)
    done = await running.scheduled(day="2024-11-13", groups=[f"npsn:{NPSN[1]}"], expected=100)
    there, here = f"/visits/{moved['visit_id']}", f"/visits/{done['visit_id']}"
    await running.ask("PATCH", there, {"known_at": KNOWN_AT, "day": "2024-11-14", "sets": 1})
    await running.ask("POST", f"{there}/cancel", {"known_at": KNOWN_AT, "reason": "Ujian sekolah"})
    await running.ask(
        "POST", f"{here}/complete", {"known_at": "2024-11-13T15:00:00+07:00", "missed": {"internship": 20}}
    )

    records = await heard(settings, 5)
    told = [decoder(VISITS)(record) for record in records]
    assert [each.type.split(".")[1] for each in told] == [
        "visit-scheduled",
        "visit-scheduled",
        "visit-rescheduled",
        "visit-cancelled",
        "visit-completed",
    ]
    # Each record is, to the byte, what the stored revision says now: a lost topic can be told again.
    for record, said in zip(records, told, strict=True):
        stored = await store.last(running.tx, REPLAYED, said.visit_id, said.revision)
        assert stored is not None
        again = encode(event(stored), "scheduling")
        assert (again.key, again.value) == (record.key, record.value)
        assert tuple(again.headers) == tuple(each for each in record.headers if each[0] != WRITER_HEADER)
    # The last that was told of a visit is what HTTP answers.
    for path, last in ((there, told[3]), (here, told[4])):
        answer = (await running.ask("GET", path)).json()
        answer.pop("reason", None)
        assert answer == last.model_dump(mode="json", exclude_none=True)
        assert answer["revision"] == last.revision
