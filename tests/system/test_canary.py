"""A canary NIK, sent in every way there is, is looked for in all that is on disk or shown: it must be nowhere."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer

from contracts.topics import RECORDING_SUBMISSIONS
from counter import Counter, Recording
from stack import LocalStack
from tests.support import until

pytestmark = pytest.mark.system

WIB = ZoneInfo("Asia/Jakarta")
SEALED = "3573994712074321"
BORN = date(2007, 12, 7)
QUESTIONS = ("coverage", "schools", "targets", "statements", "visits", "late?known_at=2026-01-01T00:00:00Z")
IN_CLEAR = "3573991912079876"  # what somebody else's broken program writes into a topic


@pytest.fixture
def stack_of_its_own(tmp_path: Path) -> Iterator[LocalStack]:
    """What other tests write is not to be searched, and what this one breaks is not to be seen by them."""
    with LocalStack(tmp_path / "state") as started:
        yield started


def holding(folder: Path, needle: str) -> list[str]:
    """The files that have it: as text, or as Kafka, PostgreSQL and SQLite would write its digits."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and needle in read(path)]


def read(path: Path) -> str:
    return path.read_bytes().decode("latin-1")


async def test_a_nik_is_nowhere(stack_of_its_own: LocalStack, tmp_path: Path) -> None:
    system = stack_of_its_own
    now = datetime.now(WIB)
    async with httpx.AsyncClient(base_url=system.urls["enrollment"], timeout=30, headers=system.bearer()) as office:
        path = "/v1/campaigns/canary"
        campaign = {
            "name": "Canary",
            "region_code": "35.73",
            "zone": "Asia/Jakarta",
            "opens_on": str(now.date() - timedelta(days=3)),
            "voting_day": str(now.date() + timedelta(days=30)),
        }
        (await office.put(path, json=campaign)).raise_for_status()
        sent = await at_the_counter(system, tmp_path / "counter", now)
        await in_clear(system)

        async def all_decided() -> bool:
            answers = [(await office.get(f"{path}/submissions/{name}")).status_code for name in sent]
            letters = (await office.get("/v1/dead-letters")).json()["dead_letters"]
            return answers == [200] * len(sent) and len(letters) == 3

        await until(all_decided)
        # A careless hand: the NIK in a free text, in the address, in a header.
        shown = [
            await office.post(f"{path}/targets", json={"scope": "campaign", "reason": SEALED, "value": 1}),
            await office.get(f"{path}/submissions/{SEALED}"),
            await office.put(f"{path}/schools/20599901", json={"name": SEALED}),
            await office.put(path, json=campaign, headers={"Idempotency-Key": "x", "If-Match": f'"{SEALED}"'}),
            await office.get("/v1/dead-letters"),
            await office.get("/metrics"),
        ]
    async with httpx.AsyncClient(timeout=30, headers=system.bearer()) as reader:
        for service in ("scheduling", "reporting"):
            shown.append(await reader.get(f"{system.urls[service]}/metrics"))
        for question in QUESTIONS:
            shown.append(await reader.get(f"{system.urls['reporting']}/v1/campaigns/canary/{question}"))
    for answer in shown:
        assert SEALED not in answer.text, answer.url
        assert IN_CLEAR not in answer.text, answer.url
    connection = await asyncpg.connect(system.databases["enrollment"].owner_url)
    assert await connection.fetchval("SELECT count(*) FROM enrollment.citizen") == 1, "the canary did arrive"
    await connection.close()

    stop_all_but_files(system)
    assert holding(tmp_path, SEALED) == []
    assert holding(tmp_path, f"{BORN:%Y-%m-%d}") == []
    # The broken program's own words are on its topic until they expire; nobody may have carried them further.
    assert {name for name in holding(tmp_path, IN_CLEAR) if "recording-submissions" not in name} == set()
    assert any("recording-submissions" in name for name in holding(tmp_path, IN_CLEAR)), "the search can find"


async def at_the_counter(system: LocalStack, home: Path, now: datetime) -> list[str]:
    """Good, duplicate, too early: each by the real client."""
    counter = await Counter.init(
        home,
        campaign="canary",
        enrollment=system.urls["enrollment"],
        kafka=system.bootstrap_servers,
        kind="office",
        place="Loket 1",
        token=system.token("administrator"),
    )
    with counter:
        names = [
            counter.record(Recording(nik=SEALED, birth_date=BORN, recorded_at=at, group="npsn:20599901")).submission_id
            for at in (now, now - timedelta(hours=1), now - timedelta(days=9))
        ]
        await counter.send()
        with closing(sqlite3.connect(counter.home.queue_file)) as queue:
            assert queue.execute("SELECT count(*) FROM message").fetchone() == (3,)
    return names


async def in_clear(system: LocalStack) -> None:
    """A program that knows nothing of sealing, on the topic of submissions."""
    kind = ("ce_type", b"jemputbola.recording-submitted.v1")
    body = {"nik": IN_CLEAR, "campaign": "canary", "missed": {IN_CLEAR: 1}, "documents": {IN_CLEAR: IN_CLEAR}}
    async with AIOKafkaProducer(bootstrap_servers=system.bootstrap_servers, acks="all") as producer:
        for value, headers in [
            (json.dumps(body).encode(), [kind, ("x-nik", IN_CLEAR.encode())]),
            (IN_CLEAR.encode(), [kind]),
            (json.dumps(body).encode(), [("ce_type", IN_CLEAR.encode())]),
        ]:
            await producer.send_and_wait(RECORDING_SUBMISSIONS.name, value, key=IN_CLEAR.encode(), headers=headers)


def stop_all_but_files(system: LocalStack) -> None:
    """So that everything that is in memory has been written."""
    for name in list(system.children):
        system.stop_service(name)
    system.postgres.stop()
    system.kafka.stop()
