"""The whole service on the real Kafka: what is on the topics is in the answers, and bad records harm nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from chassis.run import HttpServer
from contracts.envelope import encode
from contracts.progress import ProgressMade
from contracts.topics import RECORDINGS, TOPIC_OF
from exactly_once import KafkaSettings, Pool
from reporting.app import build
from reporting.projection.progress import FACT_TOPICS
from stack.postgres import Database
from tests.integration.reporting.conftest import reporting_settings
from tests.integration.reporting.world import (
    CAMPAIGN,
    OWNERS,
    at,
    decided,
    group,
    opened,
    recording,
    school,
    target,
    visit,
)  # fmt: skip
from tests.support import until


@asynccontextmanager
async def running(database: Database, kafka: KafkaSettings) -> AsyncIterator[tuple[httpx.AsyncClient, Pool]]:
    """Everything that `serve` runs, in this process."""
    app = build(
        reporting_settings(
            database, kafka_bootstrap_servers=kafka.kafka_bootstrap_servers, topic_prefix=kafka.topic_prefix
        )
    )
    async with app:
        components = app.of(["api", "worker"])
        server = next(one for one in components if isinstance(one, HttpServer))
        tasks = [asyncio.create_task(one.run()) for one in components]

        async def ready() -> bool:
            for task in tasks:
                if task.done():
                    task.result()
            return not any(one.problems() for one in components)

        try:
            await until(ready)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}/v1/campaigns/{CAMPAIGN}") as http:
                yield http, app.pools[1]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def producer(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    made = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    await made.start()
    yield made
    await made.stop()


async def send(producer: AIOKafkaProducer, prefix: str, *events: Any) -> None:
    for event in events:
        message = encode(event, OWNERS[event.topic] if isinstance(event, ProgressMade) else "test")
        topic = prefix + TOPIC_OF[type(event)].name
        await producer.send(topic, message.value, key=message.key, headers=message.headers)
    await producer.flush()


async def test_from_the_topics_to_the_answer(
    migrated: Database, settings: KafkaSettings, producer: AIOKafkaProducer
) -> None:
    prefix = settings.topic_prefix
    await send(producer, prefix, *(recording(number) for number in range(50)), *(recording(0) for _ in range(3)))
    async with running(migrated, settings) as (http, pool):
        await send(producer, prefix, opened(), school(1), target("campaign", 100), target(group(1), 80), visit(1))
        await send(producer, prefix, decided(1, "counted"), recording(1, 2, counts=False, cause="voided"))

        async def answer() -> Any:
            found = await http.get("/coverage")
            return found.json() if found.status_code == 200 else None

        async def complete() -> Any:
            found = await answer()
            return found if found and found["total"]["target"] and found["total"]["recorded"] == 49 else None

        found = await until(complete)
        assert found["rows"] == [
            {"group": group(1), "name": "SMAN Contoh 1", "target": 80, "recorded": 49, "remaining": 31, "excess": 0,
             "coverage": 0.6125}
        ]  # fmt: skip
        assert found["complete_through"] is None

        await pool.fetchval("SELECT 1")
        ends = await producer.client.fetch_all_metadata()
        for topic in FACT_TOPICS:
            for partition in ends.partitions_for_topic(prefix + topic):
                mark = ProgressMade(topic=topic, partition=partition, through=at(30), end_offset=0)
                for _ in range(2):  # what one record says is not believed
                    await send(producer, prefix, mark)

        async def final() -> Any:
            now = await answer()
            return now if now["final"] else None

        assert (await until(final))["complete_through"] == "2024-10-30T01:00:00Z"


async def test_bad_records_become_dead_letters_and_the_good_ones_count(
    migrated: Database, settings: KafkaSettings, producer: AIOKafkaProducer
) -> None:
    topic = settings.topic_prefix + RECORDINGS.name
    headers = encode(recording(1), "test").headers
    async with running(migrated, settings) as (http, pool):
        await send(producer, settings.topic_prefix, recording(1))
        await producer.send(topic, None, key=b"x", headers=headers)
        await producer.send(topic, b"\xff{", key=b"x", headers=headers)
        await producer.send(topic, b"{}", key=b"x", headers=headers)
        await producer.send(topic, b"{}", key=b"x", headers=[("ce_type", b"jemputbola.unheard-of.v1")])
        await send(producer, settings.topic_prefix, recording(1, group="outside"), recording(2))

        async def dead() -> list[str]:
            rows = await pool.fetch("SELECT reason FROM exactly_once.dead_letter ORDER BY reason")
            return [row["reason"] for row in rows] if len(rows) >= 5 else []

        assert await until(dead) == ["malformed", "revision_conflict", "tombstone", "unknown_type", "wrong_field"]

        async def both() -> bool:
            found = await http.get("/coverage")
            return found.status_code == 200 and found.json()["total"]["recorded"] == 2

        await until(both)
        assert [row["group"] for row in (await http.get("/coverage")).json()["rows"]] == [group(1)]
