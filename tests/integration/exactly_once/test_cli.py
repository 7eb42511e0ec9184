"""The verbs for whoever runs a service, as typed: positions, dead letters, floods."""

from __future__ import annotations

import asyncio
import json
import re

import asyncpg
import pytest
import typer
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from chassis import verbs
from chassis.cli import OneLine
from chassis.db import create_pool
from chassis.run import App
from chassis.settings import ServiceSettings
from contracts.topics import RECORDINGS
from exactly_once import KafkaSettings, Subscription
from stack.postgres import Database
from tests.ledger import consuming, count, ledger_consumer, recording, send, send_raw
from tests.support import given, until

NIK = "3573990101070001"


@pytest.fixture
def run(settings: KafkaSettings, database: Database):
    """Runs a verb in a thread: it has an event loop of its own."""

    service = ServiceSettings(database_url=SecretStr(database.url), http_port=0, **dict(settings))

    def build(settings: ServiceSettings) -> App:
        pools = [create_pool(settings.dsn, name="ledger")]
        return App(settings, components={}, pools=pools, subscriptions=[Subscription(RECORDINGS, count)])

    app = typer.Typer(name="ledger", cls=OneLine)
    verbs.add(app, build, given(service))

    async def runs(*words: str) -> Result:
        told = {
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": settings.topic_prefix,
        }
        return await asyncio.to_thread(CliRunner(env=told).invoke, app, list(words), terminal_width=200)

    return runs


async def test_positions(run, settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    await send(settings, [recording(number) for number in range(60)])
    async with consuming(ledger_consumer(settings, pool)):
        await until(lambda: pool.fetchval("SELECT sum(next_offset) = 60 FROM exactly_once.position"))
    shown = await run("position", "list")
    assert shown.exit_code == 0
    assert len(re.findall(r"│ recordings", shown.output)) == RECORDINGS.partitions
    refused = await run("position", "accept", "recordings", "3", "--from", "9999", "--reason", "test")
    assert refused.exit_code == 78
    assert "--from is begin, end, or an offset from 0 to" in refused.output
    done = await run("position", "accept", "recordings", "3", "--from", "begin", "--reason", "ticket 17")
    assert done.output == "recordings/3 goes on from 0.\n"
    assert await pool.fetchval("SELECT reason FROM exactly_once.position_decision") == "ticket 17"
    assert (await run("position", "accept", "recordings", "3", "--from", "end")).exit_code == 2, "a reason is asked for"
    foreign = await run("position", "accept", "visits", "0", "--from", "begin", "--reason", "a slip")
    told = "ledger: this service has never read visits/0: see position list\n"
    assert (foreign.exit_code, foreign.output) == (78, told)


async def test_dead_letters(run, settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    assert (await run("dead-letters", "list")).output == "No dead letter is waiting.\n"
    kind = ("ce_type", b"jemputbola.recording-completed.v1")
    await send_raw(settings, f'{{"nik": "{NIK}"}}'.encode(), [kind])
    await send_raw(settings, b"junk", [kind])
    async with consuming(ledger_consumer(settings, pool)):
        await until(lambda: pool.fetchval("SELECT count(*) = 2 FROM exactly_once.dead_letter"))
    listed = [json.loads(line) for line in (await run("dead-letters", "list", "--json")).output.splitlines()]
    assert sorted(letter["reason"] for letter in listed) == ["malformed", "wrong_field"]
    first = next(str(letter["id"]) for letter in listed if letter["reason"] == "wrong_field")
    shown = (await run("dead-letters", "show", first)).output
    assert NIK not in shown
    assert 'value: {"nik": "[masked]"}' in shown
    replayed = await run("dead-letters", "replay", "--all")
    assert replayed.exit_code == 1
    assert replayed.output.count("still bad") == 2
    discarded = await run("dead-letters", "discard", first, "--reason", "a test device")
    assert discarded.output == f"{first}: discarded\n"
    assert (await run("dead-letters", "discard", first, "--reason", "again")).exit_code == 1
    unknown = await run("dead-letters", "show", "4711")
    assert (unknown.exit_code, unknown.output) == (1, "ledger: there is no dead letter 4711\n")


async def test_provision_says_what_it_did(run) -> None:
    assert (await run("provision")).output == ""


async def test_only_a_flood_is_let_pass_where_it_is_and_not_beyond_the_log(
    run, settings: KafkaSettings, pool: asyncpg.Pool
) -> None:
    await send(settings, [recording(number) for number in range(60)])
    async with consuming(ledger_consumer(settings, pool)):
        await until(lambda: pool.fetchval("SELECT sum(next_offset) = 60 FROM exactly_once.position"))
    begins = await pool.fetchval("SELECT next_offset FROM exactly_once.position WHERE partition = 3")

    async def let_pass(partition: str, until_offset: str) -> tuple[int, str]:
        words = ("recordings", partition, "--reason", "looked at", "--until", until_offset)
        result = await run("dead-letters", "let-pass", *words)
        return result.exit_code, result.output

    nothing = "ledger: no flood has stopped this service: there is nothing to let pass\n"
    assert await let_pass("3", "end") == (1, nothing)
    for _ in range(20):
        await send_raw(settings, b"junk", [("ce_type", b"jemputbola.recording-completed.v1")], partition=3)
    async with consuming(ledger_consumer(settings, pool)) as task:
        await asyncio.wait([task], timeout=30)
    elsewhere = "ledger: the flood is in recordings/3, not in recordings/0: nothing is changed\n"
    for offset in ("end", "4711"):
        assert await let_pass("0", offset) == (78, elsewhere)
    assert "--until is begin, end, or an offset from 0 to" in (await let_pass("3", "4711"))[1]
    early = f"ledger: recordings/3 is applied up to {begins}, the flood comes behind: --until is too low\n"
    assert await let_pass("3", "begin") == (78, early)
    assert await pool.fetchval("SELECT count(*) FROM exactly_once.flood") == 1, "the verdict stands"
    assert (await let_pass("3", "end"))[0] == 0
    assert await pool.fetchval("SELECT until_offset FROM exactly_once.flood_pass") == begins + 20
    assert not await pool.fetchval("SELECT count(*) FROM exactly_once.flood")
