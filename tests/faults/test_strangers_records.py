"""A record that another program put on a topic that a service alone writes: found, named, set aside; nothing stops."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import pytest
import typer
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from chassis import verbs
from chassis.cli import OneLine
from chassis.db import create_pool
from chassis.run import App
from chassis.settings import ServiceSettings
from contracts.envelope import encode, header
from contracts.topics import RECORDINGS
from exactly_once import KafkaSettings, OwnTopics, Relay, Subscription, Verdict
from exactly_once.deadline import within
from exactly_once.metrics import Metrics
from exactly_once.own_topics import WRITER_HEADER
from stack.postgres import Database
from tests.ledger import KEPT, consuming, count, producing, recording, records_of, send, tell
from tests.support import given, tuned, until

pytestmark = pytest.mark.faults


def parts(settings: KafkaSettings, database: Database, pool: asyncpg.Pool) -> tuple[Relay, OwnTopics]:
    own = OwnTopics(settings, pool, [KEPT])
    metrics = Metrics(CollectorRegistry())
    return Relay(settings, database.url, source="enrollment", own=own, metrics=metrics), own


async def tell_of(pool: asyncpg.Pool, numbers: range) -> None:
    async with pool.acquire() as tx, tx.transaction():
        await tell(tx, [recording(number) for number in numbers])
    await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"))


async def named(own: OwnTopics, count: int = 1) -> list[str]:
    async def enough() -> bool:
        return len(own.notices()) >= 1 and sum(own.strangers.values()) >= count

    await until(enough)
    return own.notices()


@pytest.fixture
def run(settings: KafkaSettings, database: Database) -> Any:
    service = ServiceSettings(database_url=SecretStr(database.url), http_port=0, **dict(settings))

    def build(settings: ServiceSettings) -> App:
        pools = [create_pool(settings.dsn, name="ledger")]
        return App(settings, components={}, pools=pools, subscriptions=[Subscription(RECORDINGS, count)])

    app = typer.Typer(name="ledger", cls=OneLine)
    verbs.add(app, build, given(service))

    async def runs(*words: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, list(words), terminal_width=200)

    return runs


async def test_the_relay_says_who_wrote_a_record(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    relay, own = parts(settings, database, pool)
    async with consuming(relay, own):
        await tell_of(pool, range(3))
    writer = await pool.fetchval("SELECT name FROM exactly_once.writer")
    for record in await records_of(settings, RECORDINGS, 3):
        assert (header(record.headers, WRITER_HEADER) or b"").decode() == writer
        assert header(record.headers, "ce_source") == b"/jemputbola/enrollment"


async def test_a_strangers_record_is_found_while_running_and_ends_nothing(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    relay, own = parts(settings, database, pool)
    async with consuming(relay, own) as relaying:
        await tell_of(pool, range(20))
        await send(settings, [recording(4711)])
        (notice,) = await named(own)
        assert "recordings/" in notice and "own-topics set-aside" in notice
        assert "a stranger's record" in caplog.text
        await tell_of(pool, range(20, 40))
        assert not relaying.done() and own.compared

    # The next start finds the same, and goes on.
    relay, own = parts(settings, database, pool)
    async with consuming(relay, own) as relaying:
        await tell_of(pool, range(40, 60))
        await named(own)
        listed = [json.loads(line) for line in (await run("own-topics", "list", "--json")).output.splitlines()]
        assert [(each["topic"], each["set_aside_at"]) for each in listed] == [("recordings", None)]
        place = [listed[0]["topic"], str(listed[0]["partition"]), str(listed[0]["offset"])]
        done = await run("own-topics", "set-aside", *place, "--reason", "a golden example, by mistake")
        assert (done.exit_code, done.output) == (0, f"{'/'.join(place[:2])} at {place[2]}: set aside\n")

        async def told_no_more() -> bool:
            return own.notices() == []

        await until(told_no_more)
        assert not relaying.done()


async def test_a_strangers_record_among_ours_is_found(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    """Not at the end, where somebody looks: with many of ours behind it."""
    relay, own = parts(settings, database, pool)
    async with consuming(relay, own):
        await tell_of(pool, range(20))
        await asyncio.gather(send(settings, [recording(4711)]), tell_of(pool, range(1000, 4000)))
        await tell_of(pool, range(4000, 7000))
        assert len(await named(own)) == 1


async def test_many_of_a_strangers_records_neither_fill_the_store_nor_stop_anything(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exactly_once.own_topics.STRANGERS_AT_MOST", 20)
    monkeypatch.setattr("exactly_once.relay.AT_ONCE", 7)
    relay, own = parts(settings, database, pool)
    async with consuming(relay, own) as relaying:
        await tell_of(pool, range(20))
        await send(settings, [recording(number) for number in range(1000, 1200)])
        await named(own, 20)
        await tell_of(pool, range(20, 40))
        assert not relaying.done()
    assert await pool.fetchval("SELECT count(*) FROM exactly_once.unknown_record") == 20


async def test_what_our_own_relay_wrote_is_never_a_strangers(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    """A record with this database's name that it does not know: it was restored from a backup."""
    relay, own = parts(settings, database, pool)
    async with consuming(relay, own):
        await tell_of(pool, range(20))
    await pool.execute("DELETE FROM kept_revision WHERE ctid = (SELECT max(ctid) FROM kept_revision)")
    own = OwnTopics(settings, pool, [KEPT])
    async with consuming(own) as comparing:
        await asyncio.wait([comparing], timeout=30)
        with pytest.raises(Verdict, match=r"restored from a backup.*own-topics set-aside"):
            comparing.result()


async def test_all_that_is_missing_is_told_of_at_once(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many parts the topics are read in, a person decides once."""
    monkeypatch.setattr("exactly_once.log.AT_ONCE", 10)
    relay, own = parts(settings, database, pool)
    async with consuming(relay, own):
        await tell_of(pool, range(100))
    await pool.execute("DELETE FROM kept_revision")
    own = OwnTopics(settings, pool, [KEPT])
    async with consuming(own) as comparing:
        await asyncio.wait([comparing], timeout=30)
        with pytest.raises(Verdict, match=r"\(and 99 more, see own-topics list\)"):
            comparing.result()
    assert await pool.fetchval("SELECT count(*) FROM exactly_once.unknown_record") == 100


@pytest.mark.parametrize("writer", ["of-another-database", None])
async def test_a_record_of_another_database_is_a_verdict_that_a_verb_ends(
    writer: str | None, settings: KafkaSettings, pool: asyncpg.Pool, database: Database, run: Any
) -> None:
    """With another name, or with none from before there were names: an older backup than that may be what runs here."""
    message = encode(recording(4711), "enrollment")
    headers = [*message.headers, *([(WRITER_HEADER, writer.encode())] if writer else [])]
    if writer is None:
        await pool.execute("UPDATE exactly_once.writer SET since = clock_timestamp() + interval '1 hour'")
    async with producing(settings) as producer:
        topic = settings.topic_prefix + RECORDINGS.name
        await producer.send_and_wait(topic, message.value, key=message.key, headers=headers)
    own = OwnTopics(settings, pool, [KEPT])
    async with consuming(own) as comparing:
        await asyncio.wait([comparing], timeout=30)
        with pytest.raises(Verdict, match="own-topics set-aside"):
            comparing.result()
    assert (await run("own-topics", "set-aside", "--all", "--reason", "the other office was shut down")).exit_code == 0
    own = OwnTopics(settings, pool, [KEPT])
    async with consuming(own) as comparing:
        await within(30, own.wait())
        assert not comparing.done()


async def test_what_is_newer_than_a_batch_that_a_frozen_relay_repeated_is_looked_up(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    """The last records of a topic are old ones again, more than a few; behind them is one that the database lost."""
    writer = (await pool.fetchval("SELECT name FROM exactly_once.writer")).encode()
    async with pool.acquire() as tx, tx.transaction():
        await tell(tx, [recording(number) for number in range(300)])
    await pool.execute("DELETE FROM exactly_once.outbox")
    topic = settings.topic_prefix + RECORDINGS.name
    async with producing(settings) as producer:
        for number in (4711, *range(300)):
            message = encode(recording(number), "enrollment")
            headers = [*message.headers, (WRITER_HEADER, writer)]
            await producer.send(topic, message.value, key=message.key, headers=headers, partition=0)
        await producer.flush()
    own = OwnTopics(tuned(settings, relay_batch=300), pool, [KEPT])
    async with consuming(own) as comparing:
        await asyncio.wait([comparing], timeout=30)
        with pytest.raises(Verdict, match="recordings/0 tells at 0"):
            comparing.result()
