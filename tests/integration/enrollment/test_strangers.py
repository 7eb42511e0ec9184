"""Records that nobody vouches for: set aside, bounded, told of aloud; whoever is registered goes on being counted."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from chassis.health import Health
from contracts.topics import RECORDING_SUBMISSIONS
from enrollment.app import build
from enrollment.settings import Settings
from stack.postgres import Database
from tests.integration.enrollment.audit import audit
from tests.integration.enrollment.conftest import service_settings
from tests.integration.enrollment.world import CAMPAIGN, Counter, World, entered, nik
from tests.ledger import producing
from tests.servers import Servers
from tests.support import tuned, until

TYPE = ("ce_type", b"jemputbola.recording-submitted.v1")
NOW = datetime(2024, 10, 1, 9, tzinfo=UTC)


@pytest.fixture
def settings_here(stack: Servers, migrated: Database, topic_prefix: str) -> Settings:
    return service_settings(migrated, stack.bootstrap_servers, topic_prefix)


@pytest.fixture
async def office(settings_here: Settings) -> AsyncIterator[Office]:
    async with working(settings_here) as made:
        yield made


class Office(World):
    """The service with its worker at work, reading the topic."""

    tasks: Sequence[asyncio.Task[None]] = ()

    async def put(self, *messages: Any) -> None:
        """Sends what counters made, in order, each to its device's partition."""
        async with producing(self.settings) as producer:
            for message in messages:
                record = message.record
                await producer.send(self.topic, record.value, key=record.key, headers=list(record.headers))
            await producer.flush()

    @property
    def topic(self) -> str:
        return self.settings.topic_prefix + RECORDING_SUBMISSIONS.name

    async def counted(self, *messages: Any, within: float = 30) -> None:
        """Waits until each is counted or a repeat of somebody; fails with the verdict if the worker ends instead."""

        async def decided() -> bool:
            for task in self.tasks:
                if task.done():
                    task.result()
            ids = [message.event.submission_id for message in messages]
            query = "SELECT count(DISTINCT id) FROM enrollment.submission_decision_revision WHERE id = ANY ($1::text[])"
            return bool(await self.pool.fetchval(query, ids) == len(ids))

        await until(decided, within)

    async def readmitted(self) -> None:
        """Waits until what was set aside for devices that are registered by now was looked at again."""
        query = "SELECT NOT EXISTS (SELECT FROM enrollment.readmission)"
        await until(lambda: self.pool.fetchval(query))

    async def register(self, counter: Counter, campaign: str = CAMPAIGN) -> None:
        key = urlsafe_b64encode(counter.key.public_key().public_bytes_raw()).rstrip(b"=").decode()
        body = {"device_id": counter.device_id, "campaign": campaign, "kind": "mpp", "place": "x", "public_key": key}
        answer = await self.http.post("/v1/devices", json=body)
        assert answer.status_code == 201, answer.text

    @property
    def notices(self) -> list[str]:
        return Health(self.app.of(["worker"])).readiness().notices

    async def kept(self) -> int:
        return int(await self.pool.fetchval("SELECT count(*) FROM exactly_once.dead_letter"))

    async def only_counted(self) -> int:
        return int(await self.pool.fetchval("SELECT coalesce(sum(records), 0) FROM exactly_once.overflow"))


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Office]:
    """The service on its topics, with HTTP and worker."""
    app = build(settings)
    async with entered(app, settings) as world:
        office = Office(app, world.http, settings, world.owner)
        office.tasks = [asyncio.create_task(part.run(), name=part.name) for part in app.of(["worker"])]
        try:
            yield office
        finally:
            for task in office.tasks:
                task.cancel()
            await asyncio.gather(*office.tasks, return_exceptions=True)


def stranger(counter: Counter, device_id: str = "stranger") -> Counter:
    """A counter with keys of its own, which has fetched the key set and is not registered."""
    return Counter(device_id, counter.kid, counter.public_key)


def junk(number: int, registered: Counter) -> tuple[bytes, list[tuple[str, bytes]]]:
    """What anybody who reaches Kafka can write: no JSON, no type, devices that nobody knows, forged signatures."""
    if number % 4 == 0:
        return b"junk %d" % number, [TYPE]
    if number % 4 == 1:
        return b"{}", []
    device_id = f"nobody-{number}" if number % 4 == 2 else registered.device_id
    return _forged(device_id), [TYPE, ("jb-signature", b"A" * 86)]


def _forged(device_id: str) -> bytes:
    return json.dumps(
        {
            "campaign": CAMPAIGN, "submission_id": str(uuid4()), "device_id": device_id, "device_seq": 1, "kind": "mpp",
            "place": "x", "recorded_at": "2024-10-01T09:00:00Z", "kid": "k", "sealed": "A" * 64,
            "documents": {"family_card": True, "birth_certificate": True},
        }
    ).encode()  # fmt: skip


async def flood(producer: AIOKafkaProducer, topic: str, records: Iterable[Any], partition: int) -> None:
    """Big batches of one producer, which is cheap."""
    batch = producer.create_batch()
    for value, headers in records:
        if batch.append(key=None, value=value, timestamp=None, headers=headers) is None:
            await producer.send_batch(batch, topic, partition=partition)
            batch = producer.create_batch()
            batch.append(key=None, value=value, timestamp=None, headers=headers)
    await (await producer.send_batch(batch, topic, partition=partition))


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_a_hundred_thousand_records_of_junk_harm_nobody(settings_here: Settings) -> None:
    """They are on every partition, before, between and behind the good ones."""
    few = tuned(settings_here, kept_of_sender=300, kept_of_senders=1000)
    async with working(few) as office:
        await office.open()
        counter = await office.counter()
        await office.readmitted()  # later it would look at forgeries in the counter's name and no longer count them
        good = [counter.submission(nik(serial)) for serial in range(1, 11)]
        for step, message in enumerate(good):
            async with producing(office.settings) as producer:
                for partition in range(RECORDING_SUBMISSIONS.partitions):
                    numbers = range(step * 10_000, step * 10_000 + (1670 if partition else 1650))
                    records = (junk(number + partition * 1670, counter) for number in numbers)
                    await flood(producer, office.topic, records, partition)
            await office.put(message)
        await office.counted(*good, within=240)

        async def read() -> bool:
            return bool(await office.pool.fetchval("SELECT sum(next_offset) = 100010 FROM exactly_once.position"))

        await until(read, 240)
        assert not any(task.done() for task in office.tasks)
        assert await office.kept() + await office.only_counted() == 100_000
        assert await office.kept() == 1000

        async def told() -> bool:
            return any("99,000 more" in notice for notice in office.notices)

        await until(told)
        assert not [problem for part in office.app.of(["worker"]) for problem in part.problems()]
        overflow = sum(
            sample.value
            for metric in office.app.registry.collect()
            for sample in metric.samples
            if sample.name == "dead_letters_overflow"
        )
        assert overflow == 99_000
        await audit(office.pool)


async def test_a_queue_of_a_device_that_is_not_registered_is_counted_at_its_registration(
    settings_here: Settings,
) -> None:
    """What was kept as well as what was only counted, whoever else wrote in its name."""
    few = tuned(settings_here, kept_of_sender=20, kept_of_senders=30)
    async with working(few) as office:
        await office.open()
        counter = await office.counter()
        late = stranger(counter)
        queue = [late.submission(nik(serial)) for serial in range(1, 61)]
        impostor = stranger(counter)
        others = [impostor.submission(nik(100 + serial)) for serial in range(30)]
        await office.put(*queue[:10], *others, *queue[10:])
        good = counter.submission(nik(500))
        await office.put(good)
        await office.counted(good)

        async def read() -> bool:
            return bool(await office.pool.fetchval("SELECT sum(next_offset) = 91 FROM exactly_once.position"))

        await until(read)
        assert (await office.kept(), await office.only_counted()) == (20, 70)
        await office.register(late)
        await office.counted(*queue)
        query = "SELECT count(*) FROM enrollment.submission"
        assert await office.pool.fetchval(query) == 61
        await office.readmitted()
        waiting = await office.pool.fetch("SELECT reason FROM exactly_once.dead_letter WHERE status = 'waiting'")
        assert {row["reason"] for row in waiting} == {"bad_signature"}
        assert await office.only_counted() == 0, "all in its name was looked at again"
        await audit(office.pool)


async def test_a_device_of_another_campaign_is_counted_once_it_is_registered_for_this_one(office: Office) -> None:
    await office.open()
    counter = await office.counter("batu-1")
    counter.campaign = "batu-2024"
    early = [counter.submission(nik(serial)) for serial in range(1, 31)]
    await office.put(*early)

    async def set_aside() -> bool:
        return await office.kept() == 30

    await until(set_aside)
    await office.open("batu-2024")
    await office.register(counter, "batu-2024")
    await office.counted(*early)


async def test_what_waits_for_another_campaign_is_not_forgotten_at_a_registration(settings_here: Settings) -> None:
    few = tuned(settings_here, kept_of_sender=5, kept_of_senders=5)
    async with working(few) as office:
        await office.open()
        late = stranger(await office.counter())
        late.campaign = "batu-2024"
        early = [late.submission(nik(serial)) for serial in range(1, 21)]
        await office.put(*early)

        async def set_aside() -> bool:
            return (await office.kept(), await office.only_counted()) == (5, 15)

        await until(set_aside)
        await office.register(late)
        await office.readmitted()
        assert await office.only_counted() == 15
        await office.open("batu-2024")
        await office.register(late, "batu-2024")
        await office.counted(*early)
        await office.readmitted()
        assert await office.only_counted() == 0


async def test_a_clock_at_1970_is_the_trouble_of_its_device_alone(office: Office) -> None:
    await office.open()
    counter, other = await office.counter("clock-1970"), await office.counter("right")
    wrong = datetime(1970, 1, 1, tzinfo=UTC)
    await office.put(*(counter.submission(nik(serial), wrong + timedelta(seconds=serial)) for serial in range(1, 76)))
    mended, good = counter.submission(nik(200)), other.submission(nik(201))
    await office.put(mended, good)
    await office.counted(mended, good)

    async def set_aside() -> bool:
        return await office.kept() == 75

    await until(set_aside)

    async def told() -> bool:
        return any("75 bad records are set aside" in notice for notice in office.notices)

    await until(told)


async def test_what_is_authentic_and_bad_stops_the_office_unless_one_device_alone_sends_it(office: Office) -> None:
    """A header of replayed campaigns: a program of ours has it wrong, on whichever device it runs."""
    await office.open(clock="live")
    counters = [await office.counter(f"loket-{number}") for number in range(1, 5)]
    await office.put(*(counters[0].submission(nik(serial), replayed_at=NOW) for serial in range(1, 76)))
    good = counters[1].submission(nik(100))
    await office.put(good)
    await office.counted(good)
    many = [await office.counter(f"many-{number}") for number in range(40)]
    for serial in range(5):
        await office.put(*(each.submission(nik(200 + serial), replayed_at=NOW) for each in many))
    consumer = next(task for task in office.tasks if task.get_name() == "consumer")
    await asyncio.wait([consumer], timeout=60)
    with pytest.raises(Exception, match=r"flood of bad records: .*replay_header_in_live_campaign"):
        consumer.result()


async def test_a_dead_letter_says_whose_it_is(office: Office) -> None:
    await office.open()
    counter = await office.counter()
    unknown = stranger(counter).submission()
    await office.put(unknown)
    async with producing(office.settings) as producer:
        for value in (
            b'{"device_id": "loket-7", "submission_id": "not one"}',
            b'{"device_id": "3573990101070001", "campaign": "malang-2024"}',
            b'{"device_id": "3573-9901-0107-0001"}',
            b'{"device_id": ["x"]}',
            b"junk",
        ):
            await producer.send(office.topic, value, headers=[TYPE], partition=0)

    async def set_aside() -> bool:
        return await office.kept() == 6

    await until(set_aside)
    letters = (await office.http.get("/v1/dead-letters")).json()["dead_letters"]
    told = {(letter["campaign"], letter["device_id"], letter["submission_id"]) for letter in letters}
    assert told == {
        (CAMPAIGN, "stranger", unknown.event.submission_id),
        (None, "loket-7", None),
        (CAMPAIGN, None, None),
        (None, None, None),
    }


async def test_nothing_is_counted_under_a_key_that_is_none(office: Office) -> None:
    """Registered before such keys were refused. Under the identity everybody can sign."""
    await office.open()
    counter, good = await office.counter("weak"), await office.counter("right")
    identity = b"\x01" + bytes(31)
    await office.pool.execute("UPDATE enrollment.device SET public_key = $1 WHERE device_id = 'weak'", identity)
    forged = counter.submission(nik(1), signature=urlsafe_b64encode(identity + bytes(32)))
    honest = good.submission(nik(2))
    assert await office.handle(forged, honest) == ["weak_key"]
    for public_key in (bytes(32), b"\xff" * 32, identity, b"\x02" + bytes(31)):
        body = {
            "device_id": "new", "campaign": CAMPAIGN, "kind": "mpp", "place": "x",
            "public_key": urlsafe_b64encode(public_key).rstrip(b"=").decode(),
        }  # fmt: skip
        answer = await office.http.post("/v1/devices", json=body)
        assert answer.status_code == 422, public_key
        assert answer.json()["errors"][0]["pointer"] == "#/public_key"
