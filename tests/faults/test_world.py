"""Database, broker and processes are killed or frozen, and come back: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from chassis.db import SILENCE
from contracts.progress import ProgressMade
from contracts.topics import CATALOGUE, PROGRESS
from exactly_once import Batch, Connection, KafkaSettings, OwnTopics, Relay, Verdict, decision_instant
from exactly_once.consumer import BACK_OFF
from exactly_once.metrics import Metrics
from exactly_once.provision import provision
from exactly_once.watermark import advance_watermark
from stack.kafka import Kafka
from stack.ports import free_port
from stack.postgres import Database, Postgres
from tests.faults.test_crash_points import applied, worker
from tests.ledger import KEPT, consuming, ledger_consumer, prepared, recording, records_of, send, tell
from tests.support import kafka_settings, tuned, until

pytestmark = pytest.mark.faults


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Kafka]:
    """A broker that the test may kill."""
    with Kafka(tmp_path, settings={"group.min.session.timeout.ms": "1000"}) as kafka:
        yield kafka


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A server that the test may kill."""
    with Postgres(tmp_path) as postgres:
        yield postgres


async def sum_is(pool: asyncpg.Pool, count: int) -> None:
    await until(lambda: pool.fetchval("SELECT n >= $1 FROM total", count), within=60)


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_owner_of_a_partition_dies_or_freezes_and_wakes(
    blow: signal.Signals, settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    await send(settings, [recording(number) for number in range(300)])
    async with worker(settings, database, "consumer") as first:
        await sum_is(pool, 300)
        async with worker(settings, database, "consumer") as second:
            await send(settings, [recording(number) for number in range(300, 600)])
            await sum_is(pool, 600)
            first.send_signal(blow)
            await send(settings, [recording(number) for number in range(600, 900)])
            await sum_is(pool, 900)
            if blow is signal.SIGSTOP:
                first.send_signal(signal.SIGCONT)
                await send(settings, [recording(number) for number in range(900, 1200)])
                await sum_is(pool, 1200)
            assert second.returncode is None
    count = 1200 if blow is signal.SIGSTOP else 900
    assert await applied(pool) == (count, 0)


async def test_two_owners_of_one_partition_at_once(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    """Two consumers that believe to own everything: the position's row lets only one of them through each time."""
    await send(settings, [recording(number) for number in range(3000)])
    eager = tuned(settings, max_records=50)
    first = ledger_consumer(eager, pool)
    second = ledger_consumer(eager, pool, group="another-group")
    async with consuming(first), consuming(second):
        await until(lambda: pool.fetchval("SELECT sum(next_offset) = 3000 FROM exactly_once.position"))
    assert await applied(pool) == (3000, 0)


async def test_an_owner_that_goes_silent_in_the_middle_of_a_transaction(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    """It holds the row of one position; the server ends its session, and meanwhile others read their positions."""
    await send(settings, [recording(number) for number in range(60)])
    async with consuming(ledger_consumer(settings, pool)):
        await sum_is(pool, 60)
    limit = {"idle_in_transaction_session_timeout": SILENCE["idle_in_transaction_session_timeout"]}
    silent = await asyncpg.connect(database.url, server_settings=limit)
    await silent.execute("BEGIN; UPDATE exactly_once.position SET next_offset = 4711 WHERE partition = 2")
    await send(settings, [recording(number) for number in range(60, 120)])
    async with consuming(ledger_consumer(settings, pool)):
        await sum_is(pool, 120)
    silent.terminate()
    assert await applied(pool) == (120, 0)


async def test_a_batch_that_fails_again_and_again_is_said_and_not_hurried(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    """A table that is missing is no record's fault: it waits, says so, and goes on once the table is there."""
    tries: list[float] = []

    async def handle(tx: Connection, batch: Batch[Any]) -> None:
        tries.append(asyncio.get_running_loop().time())
        await tx.execute("INSERT INTO not_yet SELECT $1", len(batch))

    await send(settings, [recording(1)])
    consumer = ledger_consumer(settings, pool, handle)
    async with consuming(consumer):

        async def six() -> bool:
            return len(tries) >= 6

        await until(six)
        assert tries[5] - tries[4] >= BACK_OFF[3], "the pauses grow; without them a try takes a third of a second"
        assert any("again and again: UndefinedTableError" in line for line in consumer.problems())
        owner = await asyncpg.connect(database.owner_url)
        await owner.execute("CREATE TABLE not_yet (n int)")
        await until(lambda: owner.fetchval("SELECT sum(n) = 1 FROM not_yet"))
        await owner.close()
        await until(lambda: is_ready(consumer))
    assert await pool.fetchval("SELECT count(*) FROM exactly_once.dead_letter") == 0


async def test_the_database_goes_and_comes_back(stack: object, settings: KafkaSettings, own_postgres: Postgres) -> None:
    database = own_postgres.make_fresh_database()
    async with prepared(database) as pool:
        await send(settings, [recording(number) for number in range(300)])
        consumer = ledger_consumer(settings, pool)
        async with consuming(consumer) as task:
            await sum_is(pool, 300)
            own_postgres.kill()
            await send(settings, [recording(number) for number in range(300, 600)])

            async def noticed() -> bool:
                return bool(consumer.problems())

            await until(noticed)
            assert not task.done()
            await asyncio.to_thread(own_postgres.start)
            await until_answers(pool)
            await sum_is(pool, 600)
            await until(lambda: is_ready(consumer))
        assert await applied(pool) == (600, 0)


async def is_ready(consumer: object) -> bool:
    return not consumer.problems()  # type: ignore[attr-defined]


async def until_answers(pool: asyncpg.Pool) -> None:
    async def answers() -> bool:
        try:
            return bool(await pool.fetchval("SELECT true"))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False

    await until(answers, within=60)


async def test_the_broker_is_killed_and_comes_back(own_kafka: Kafka, database: Database, pool: asyncpg.Pool) -> None:
    settings = kafka_settings(own_kafka.bootstrap_servers)
    await provision(settings, CATALOGUE)
    async with consuming(ledger_consumer(settings, pool)), relaying(settings, database, pool):
        await tell_of(pool, range(300))
        await sum_is(pool, 300)
        own_kafka.kill()
        await tell_of(pool, range(300, 600))
        await asyncio.to_thread(own_kafka.start)
        await until(lambda: pool.fetchval("SELECT count(*) = 600 FROM ledger"), within=90)
        await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"), within=60)


def own_topics(settings: KafkaSettings, pool: asyncpg.Pool) -> OwnTopics:
    return OwnTopics(settings, pool, [KEPT])


def relaying(
    settings: KafkaSettings, database: Database, pool: asyncpg.Pool
) -> AbstractAsyncContextManager[asyncio.Task[None]]:
    """Runs a relay, and beside it what compares its topics."""
    own = own_topics(settings, pool)
    metrics = Metrics(CollectorRegistry())
    return consuming(Relay(settings, database.url, source="enrollment", own=own, metrics=metrics), own)


async def tell_of(pool: asyncpg.Pool, numbers: range) -> None:
    async with pool.acquire() as tx, tx.transaction():
        await tell(tx, [recording(number) for number in numbers])


async def test_a_frozen_relay_loses_its_lock(settings: KafkaSettings, pool: asyncpg.Pool, database: Database) -> None:
    async with worker(settings, database, "relay") as first:
        await tell_of(pool, range(100))
        await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"))
        async with worker(settings, database, "relay"):
            first.send_signal(signal.SIGSTOP)
            await tell_of(pool, range(100, 200))
            await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"))
            first.send_signal(signal.SIGCONT)
            await tell_of(pool, range(200, 300))
            await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"))
    async with consuming(ledger_consumer(settings, pool)):
        await until(lambda: pool.fetchval("SELECT count(*) = 300 FROM ledger"))


async def test_a_relay_that_waits_for_a_slow_broker_keeps_its_lock(
    own_kafka: Kafka, database: Database, pool: asyncpg.Pool
) -> None:
    """The broker is frozen for longer than a silent relay would keep the lock."""
    settings = kafka_settings(own_kafka.bootstrap_servers, relay_idle_limit=3, send_timeout=60)
    await provision(settings, CATALOGUE)
    async with relaying(settings, database, pool):
        await tell_of(pool, range(10))
        await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"))
        leader = await pool.fetchval(LEADER)
        began = await pool.fetchval("SELECT clock_timestamp()")
        os.kill(own_kafka.pid, signal.SIGSTOP)
        try:
            await tell_of(pool, range(10, 20))
            await until(lambda: pool.fetchval("SELECT clock_timestamp() > $1::timestamptz + interval '6 s'", began))
        finally:
            os.kill(own_kafka.pid, signal.SIGCONT)
        await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"), within=60)
        assert await pool.fetchval(LEADER) == leader


async def test_a_relay_that_leads_without_a_broker_does_not_hurry(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[float] = []

    class Counted(Relay):
        async def _lead(self, *args: Any) -> None:
            tries.append(asyncio.get_running_loop().time())
            await super()._lead(*args)

    monkeypatch.setattr("exactly_once.relay.preflight", AsyncMock())
    own = own_topics(settings, pool)
    nowhere = settings.model_copy(update={"kafka_bootstrap_servers": f"127.0.0.1:{free_port()}"})
    relay = Counted(nowhere, database.url, source="enrollment", own=own, metrics=Metrics(CollectorRegistry()))
    async with consuming(relay, own):

        async def four() -> bool:
            return len(tries) >= 4

        await until(four)
    assert tries[3] - tries[2] >= 1, "the pauses grow"


async def test_a_producer_that_could_not_send_is_not_left_behind(
    own_kafka: Kafka, database: Database, pool: asyncpg.Pool
) -> None:
    settings = kafka_settings(own_kafka.bootstrap_servers, send_timeout=1)
    await provision(settings, CATALOGUE)
    async with relaying(settings, database, pool):
        await tell_of(pool, range(10))
        await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"))
        (sending,) = senders()
        own_kafka.kill()
        await tell_of(pool, range(10, 20))
        await asyncio.wait([sending], timeout=20)
        assert sending.done()
        await asyncio.to_thread(own_kafka.start)
        await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"), within=60)
        assert len(senders()) == 1


def senders() -> list[asyncio.Task[Any]]:
    """The task that each producer has."""
    return [task for task in asyncio.all_tasks() if "Sender._sender_routine" in repr(task.get_coro())]


LEADER = """
    SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
     WHERE datname = current_database() AND locktype = 'advisory' AND objsubid = 1
"""


@pytest.mark.parametrize("role", ["runtime", "owner"])
async def test_progress_never_promises_what_is_not_yet_published(
    role: str, settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    """A decision under way holds `through` back, however long it takes, whoever commits in between, whoever decides.

    Of the owner's sessions the relay's role may not even see when they began.
    """
    slow = await asyncpg.connect(database.url if role == "runtime" else database.owner_url)
    async with relaying(settings, database, pool):
        async with slow.transaction():
            known_at = await decision_instant(slow)
            await tell(slow, [recording(1, known_at=known_at)])
            await tell_of(pool, range(2, 50))
            await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"))
            said = await records_of(settings, PROGRESS, at_least=12)
        promised = [ProgressMade.model_validate_json(record.value) for record in said]
        assert promised
        assert all(progress.through < known_at for progress in promised)
        # Once it is decided, the promise goes on.
        last = len(said)
        later = (await records_of(settings, PROGRESS, at_least=last + 12))[last + 6 :]
        assert ProgressMade.model_validate_json(later[-1].value).through > known_at
    await slow.close()


async def test_what_is_decided_after_a_promise_is_known_later_even_if_the_clock_was_set_back(
    pool: asyncpg.Pool,
) -> None:
    async with pool.acquire() as tx:
        promised = await advance_watermark(tx)
        async with tx.transaction():
            assert await decision_instant(tx) > promised
        # The clock is set back by an hour: seen from there, the promise lies in the future.
        promised = await tx.fetchval(
            "UPDATE exactly_once.watermark SET through = through + interval '1 hour' RETURNING through"
        )
        async with tx.transaction():
            assert await decision_instant(tx) == promised + timedelta(microseconds=1)
        assert await advance_watermark(tx) == promised, "nothing is taken back"


async def test_a_database_restored_from_a_backup_is_told_so(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    """Its own topics know more than it does: neither relay nor consumer begins, and a person decides."""
    async with relaying(settings, database, pool):
        await tell_of(pool, range(100))
        await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"))
    async with relaying(settings, database, pool) as untouched:
        await tell_of(pool, range(100, 110))
        await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"))
        assert not untouched.done()
    await forget_one(pool)
    await tell_of(pool, range(110, 120))
    own = own_topics(settings, pool)
    consumer = ledger_consumer(settings, pool, own=own)
    async with consuming(own) as compared, consuming(consumer), relaying(settings, database, pool):
        await refused(compared)
    assert not own.compared
    assert await pool.fetchval("SELECT n FROM total") == 0
    assert await pool.fetchval("SELECT count(*) FROM exactly_once.outbox") == 10


async def forget_one(pool: asyncpg.Pool) -> None:
    """As a backup that lacks the last decision."""
    await pool.execute("DELETE FROM kept_revision WHERE ctid = (SELECT max(ctid) FROM kept_revision)")


async def refused(compared: asyncio.Task[None]) -> None:
    await asyncio.wait([compared], timeout=20)
    with pytest.raises(Verdict, match="was it restored from a backup"):
        compared.result()


async def test_a_database_that_comes_back_as_an_older_one_is_told_so(
    stack: object, settings: KafkaSettings, own_postgres: Postgres
) -> None:
    """The server goes away, and what answers at its address afterwards lacks a decision that was published."""
    database = own_postgres.make_fresh_database()
    async with prepared(database) as pool:
        own = own_topics(settings, pool)
        async with consuming(own) as compared, relaying(settings, database, pool):
            await tell_of(pool, range(100))
            await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"))
            await until(lambda: answers(own))
            await forget_one(pool)
            own_postgres.kill()
            await until(lambda: answers(own, False))
            await asyncio.to_thread(own_postgres.start)
            await refused(compared)


async def answers(own: OwnTopics, compared: bool = True) -> bool:
    return own.compared is compared


async def test_positions_that_went_back_under_a_running_owner_of_facts(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    """Somebody loads a backup into the running database: no connection is lost, but what was committed is gone."""
    own = own_topics(settings, pool)
    async with relaying(settings, database, pool), consuming(own) as compared:
        await tell_of(pool, range(100))
        async with consuming(ledger_consumer(settings, pool, own=own)):
            await sum_is(pool, 100)
            async with pool.acquire() as tx, tx.transaction():
                await tx.execute("UPDATE exactly_once.position SET next_offset = next_offset / 2, last_offset = NULL")
                await tx.execute("DELETE FROM kept_revision")
            await refused(compared)


async def test_a_backup_that_is_loaded_while_the_topics_are_compared(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    """Whoever sees that the database went back says so before the comparison, which saw the one before, is over."""

    class Overtaken(OwnTopics):
        async def compare(self, connection: Connection) -> None:
            await super().compare(connection)
            if await pool.fetchval("SELECT count(*) = 100 FROM kept_revision"):
                await forget_one(pool)
                self.invalidate()

    async with relaying(settings, database, pool):
        await tell_of(pool, range(100))
        await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"))
    async with consuming(Overtaken(settings, pool, [KEPT])) as compared:
        await refused(compared)


async def test_a_backup_that_is_loaded_under_a_process_that_consumes_nothing(
    settings: KafkaSettings, pool: asyncpg.Pool, database: Database
) -> None:
    """No connection is lost and no position is known here; another process publishes on as if nothing had been."""
    own = own_topics(settings, pool)
    async with relaying(settings, database, pool):
        await tell_of(pool, range(100))
        backup = await pool.fetchval("SELECT last_value FROM exactly_once.outbox_id_seq")
        await tell_of(pool, range(100, 110))
        await until(lambda: pool.fetchval("SELECT NOT EXISTS (SELECT FROM exactly_once.outbox)"))
        async with consuming(own) as compared:
            await until(lambda: answers(own))
            owner = await asyncpg.connect(database.owner_url)
            async with owner.transaction():
                await owner.execute(
                    "DELETE FROM kept_revision WHERE ctid IN"
                    " (SELECT ctid FROM kept_revision ORDER BY ctid DESC LIMIT 10)"
                )
                await owner.execute("SELECT setval('exactly_once.outbox_id_seq', $1)", backup)
            await owner.close()
            await refused(compared)


async def test_positions_that_went_back_under_a_running_reader(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    """A reader has no facts of its own: it reads again what its database has forgotten, without being sent anything."""
    await send(settings, [recording(number) for number in range(300)])
    async with consuming(ledger_consumer(settings, pool)):
        await sum_is(pool, 300)
        async with pool.acquire() as tx, tx.transaction():
            await tx.execute(
                "UPDATE exactly_once.position SET next_offset = 0, last_offset = NULL, anchor_offset = NULL"
            )
            await tx.execute("DELETE FROM ledger")
            await tx.execute("UPDATE total SET n = 0")
        await sum_is(pool, 300)
    assert await applied(pool) == (300, 0)


async def test_a_partition_that_stands_still_is_said(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    going_on = asyncio.Event()

    async def handle(tx: Connection, batch: Batch[Any]) -> None:
        await going_on.wait()

    await send(settings, [recording(1)])
    watchful = tuned(settings, guard_interval=0.1, stall_limit=0.5)
    consumer = ledger_consumer(watchful, pool, handle)
    async with consuming(consumer):

        async def said() -> bool:
            return any("1 records wait, none was applied for" in line for line in consumer.problems())

        await until(said)
        going_on.set()
        await until(lambda: is_ready(consumer))


async def test_lag_is_told_by_the_owner_of_a_partition_alone(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    registries = [CollectorRegistry(), CollectorRegistry()]
    first, second = (ledger_consumer(settings, pool, registry=registry) for registry in registries)

    async def told(*counts: int) -> bool:
        lags = [
            [sample for metric in one.collect() for sample in metric.samples if sample.name == "lag_records"]
            for one in registries
        ]
        return [len(lag) for lag in lags] == list(counts)

    async with consuming(first):
        await until(lambda: told(6, 0))
        async with consuming(second):
            await until(lambda: told(3, 3))
