"""A command that is sent again is done once, however its copies meet."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chassis import migrations_dir
from chassis.commands import Answer, fingerprint, idempotent
from chassis.db import Pool, create_pool
from chassis.migrate import Source, migrate
from chassis.problems import Problem
from stack.postgres import Database

CONTENT = fingerprint("POST", "/things", b'{"value": 1}')


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    await migrate(database.owner_url, [Source("chassis", migrations_dir())])
    async with create_pool(database.url, name="test") as pool:
        yield pool


class Command:
    """Counts how often it is done; says so in its answer."""

    def __init__(self, status: int = 201) -> None:
        self.done, self.status = 0, status
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.may_end.set()

    async def __call__(self) -> Answer:
        self.done += 1
        self.begun.set()
        await self.may_end.wait()
        return Answer(self.status, {"done": self.done, "names": ["x", None]}, {"ETag": '"1"'})


async def send(
    pool: Pool, command: Command, key: str | None = "k", content: bytes = CONTENT, scope: str = "s"
) -> Answer:
    async with pool.acquire() as tx, tx.transaction():
        return await idempotent(tx, scope, key, content, command)


async def test_the_first_answer_is_given_ever_after(pool: Pool) -> None:
    command = Command()
    first = await send(pool, command)
    assert await send(pool, command) == first == Answer(201, {"done": 1, "names": ["x", None]}, {"ETag": '"1"'})
    assert command.done == 1


async def test_other_keys_scopes_and_no_key_are_other_commands(pool: Pool) -> None:
    command = Command()
    for key, scope in (("k", "s"), ("l", "s"), ("k", "t"), (None, "s"), (None, "s")):
        await send(pool, command, key, scope=scope)
    assert command.done == 5


async def test_a_key_with_other_content_is_refused(pool: Pool) -> None:
    command = Command()
    await send(pool, command)
    with pytest.raises(Problem, match="idempotency-key-reused"):
        await send(pool, command, content=fingerprint("POST", "/things", b'{"value": 2}'))
    assert command.done == 1


async def test_copies_at_once_wait_for_the_first_and_get_its_answer(pool: Pool) -> None:
    command = Command()
    command.may_end.clear()
    async with asyncio.TaskGroup() as group:
        copies = [group.create_task(send(pool, command)) for _ in range(5)]
        await command.begun.wait()
        await waiting_for_a_lock(pool, 4)
        command.may_end.set()
    assert {copy.result().body["done"] for copy in copies} == {1}


async def test_when_the_first_fails_the_second_does_it(pool: Pool) -> None:
    failing, command = Command(), Command()
    failing.may_end.clear()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(send(pool, failing))
        await failing.begun.wait()
        second = group.create_task(send(pool, command))
        await waiting_for_a_lock(pool, 1)
        first.cancel()
    assert second.result().body["done"] == 1
    assert command.done == 1


async def test_only_success_is_kept(pool: Pool) -> None:
    command = Command(status=404)
    assert (await send(pool, command)).status == 404
    assert (await send(pool, command)).body["done"] == 2


async def test_keys_are_forgotten_after_a_week(pool: Pool) -> None:
    command = Command()
    for key in ("old", "young"):
        await send(pool, command, key)
    await pool.execute("UPDATE chassis.idempotency SET created_at = now() - interval '8 days' WHERE key = 'old'")
    await send(pool, command, "new")
    kept = await pool.fetch("SELECT key FROM chassis.idempotency ORDER BY key")
    assert [row["key"] for row in kept] == ["new", "young"]


def test_a_fingerprint_is_of_what_is_said_not_of_how_it_is_written() -> None:
    said = fingerprint("PUT", "/things/1", b'{"a": 1, "b": [1, 2]}')
    assert said == fingerprint("PUT", "/things/1", b'{"b":[1,2],"a":1}')
    for other in (
        fingerprint("POST", "/things/1", b'{"a": 1, "b": [1, 2]}'),
        fingerprint("PUT", "/things/2", b'{"a": 1, "b": [1, 2]}'),
        fingerprint("PUT", "/things/1", b'{"a": 1, "b": [2, 1]}'),
        fingerprint("PUT", "/things/1", b'{"a": "1", "b": [1, 2]}'),
        fingerprint("PUT", "/things/1", b""),
    ):
        assert other != said


async def waiting_for_a_lock(pool: Pool, how_many: int) -> None:
    sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
    sql += "(SELECT oid FROM pg_database WHERE datname = current_database())"
    async with asyncio.timeout(10):
        while await pool.fetchval(sql) < how_many:
            await asyncio.sleep(0.01)
