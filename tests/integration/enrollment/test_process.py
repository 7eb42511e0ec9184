"""The process itself: its verbs, its exit codes and its lines."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import asyncpg
import httpx
import pytest

from chassis.db import create_pool
from chassis.migrate import migrate
from enrollment.app import MIGRATIONS
from enrollment.identity.keys import SealingKeys
from enrollment.identity.vault import Vault
from enrollment.settings import Settings
from stack.postgres import Database, Postgres
from tests.integration.enrollment.conftest import service_settings
from tests.integration.enrollment.world import LIVE, URL
from tests.ledger import recording, send
from tests.servers import Servers
from tests.support import until


@pytest.fixture
def enrollment_settings(stack: Servers, database: Database, topic_prefix: str) -> Settings:
    """An empty database, not migrated."""
    return service_settings(database, stack.bootstrap_servers, topic_prefix)


def environment(settings: Settings, **changes: str) -> dict[str, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert settings.migration_database_url is not None
    return {
        "PATH": os.environ["PATH"],
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": settings.topic_prefix,
        "ENROLLMENT_DATABASE_URL": settings.dsn,
        "ENROLLMENT_MIGRATION_DATABASE_URL": settings.owner_dsn,
        "ENROLLMENT_DEAD_LETTER_KEY": settings.dead_letter_key.get_secret_value(),
        "ENROLLMENT_MASTER_KEY": settings.master_key.get_secret_value(),
        "ENROLLMENT_HTTP_PORT": str(port),
        **changes,
    }


def run(env: dict[str, str], *verb: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "enrollment", *verb], env=env, capture_output=True, text=True, timeout=90, check=False
    )


async def served(env: dict[str, str]) -> tuple[asyncio.subprocess.Process, str]:
    """A process that serves and is ready, and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "enrollment", "serve", env=env, stderr=asyncio.subprocess.PIPE
    )
    address = f"http://127.0.0.1:{env['ENROLLMENT_HTTP_PORT']}"
    async with httpx.AsyncClient() as http:

        async def ready() -> bool:
            try:
                return (await http.get(f"{address}/health/ready")).status_code == 200
            except httpx.TransportError:
                return False

        await until(ready, 60)
    return process, address


async def test_migrate_serve_and_end(enrollment_settings: Settings) -> None:
    env = environment(enrollment_settings)
    early = run(env, "serve")
    assert (early.returncode, "run `python -m enrollment migrate`" in early.stderr) == (78, True)
    files = [file for source in MIGRATIONS for file in source.dir.glob("*.sql")]
    migrated = run(env, "migrate")
    assert (migrated.returncode, migrated.stdout) == (0, f"enrollment: {len(files)} migrations applied\n"), (
        migrated.stderr
    )
    process, address = await served(env)
    async with httpx.AsyncClient() as http:
        assert len((await http.get(f"{address}/v1/keyset")).json()["keys"]) == 1
    process.send_signal(signal.SIGTERM)
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()

    other = urlsafe_b64encode(os.urandom(32)).decode()
    wrong = run(environment(enrollment_settings, ENROLLMENT_MASTER_KEY=other), "serve")
    assert wrong.returncode == 78
    assert "ENROLLMENT_MASTER_KEY is not the one that this database was made with" in wrong.stderr
    assert other not in wrong.stderr

    for bad in ("short", "", other[:-2]):
        refused = run(environment(enrollment_settings, ENROLLMENT_MASTER_KEY=bad), "serve")
        assert refused.returncode == 78
        assert "ENROLLMENT_MASTER_KEY is wrong: must be 32 bytes in base64url" in refused.stderr


async def test_the_api_goes_on_when_a_flood_has_stopped_the_worker(enrollment_settings: Settings) -> None:
    env = environment(enrollment_settings)
    assert run(env, "migrate").returncode == 0
    verdict = "flood of bad records: 20 in a row"
    database = await asyncpg.connect(enrollment_settings.dsn)
    await database.execute("INSERT INTO exactly_once.flood (verdict) VALUES ($1)", verdict)
    await database.close()
    ended = run(env, "worker")
    assert (ended.returncode, f"enrollment: {verdict}" in ended.stderr.splitlines()) == (70, True), ended.stderr
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "enrollment", "serve", env=env, stderr=asyncio.subprocess.PIPE
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{env['ENROLLMENT_HTTP_PORT']}") as http:

        async def stopped() -> bool:
            try:
                return (await http.get("/health/ready")).json().get("verdict") == f"enrollment: {verdict}"
            except httpx.TransportError:
                return False

        await until(stopped, 60)
        assert (await http.get("/health/ready")).status_code == 503

        async def answers() -> bool:
            return (await http.get("/v1/keyset")).status_code == 200  # as soon as the own topics are compared

        await until(answers, 60)
        assert (await http.put(URL, json=LIVE)).status_code == 201
    process.terminate()
    _, told = await process.communicate()
    assert process.returncode == 70, told.decode()


async def test_the_smallest_pool_is_enough(enrollment_settings: Settings) -> None:
    """One connection is kept to watch the database."""
    refused = run(environment(enrollment_settings, ENROLLMENT_DATABASE_POOL_SIZE="1"), "serve")
    assert (refused.returncode, "ENROLLMENT_DATABASE_POOL_SIZE is wrong" in refused.stderr) == (78, True)
    env = environment(enrollment_settings, ENROLLMENT_DATABASE_POOL_SIZE="2")
    assert run(env, "migrate").returncode == 0
    process, address = await served(env)
    async with httpx.AsyncClient(base_url=address) as http:
        assert (await http.put(URL, json=LIVE)).status_code == 201
    process.terminate()
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


def test_dead_letters_and_positions_have_verbs(enrollment_settings: Settings) -> None:
    env = environment(enrollment_settings)
    assert run(env, "migrate").returncode == 0
    letters = run(env, "dead-letters", "list")
    assert (letters.returncode, letters.stdout) == (0, "No dead letter is waiting.\n"), letters.stderr
    assert run(env, "position", "list").returncode == 0


async def test_no_dead_letter_is_replayed_into_a_database_that_lacks_what_was_published(
    enrollment_settings: Settings,
) -> None:
    """A replay decides, as the service does: under revisions that others may know with other content."""
    env = environment(enrollment_settings)
    assert run(env, "migrate").returncode == 0
    assert run(env, "dead-letters", "replay", "--all").returncode == 0
    await send(enrollment_settings, [recording(1)], writer="the database of before")
    refused = run(env, "dead-letters", "replay", "--all")
    assert (refused.returncode, "was it restored from a backup" in refused.stderr) == (70, True), refused.stderr


async def test_a_database_that_goes_while_a_service_starts_is_waited_for(tmp_path: Path) -> None:
    with Postgres(tmp_path) as postgres:
        database = postgres.make_fresh_database("enrollment")
        await migrate(database.owner_url, MIGRATIONS)
        async with create_pool(database.url, name="enrollment") as pool:
            keys = SealingKeys(Vault(os.urandom(32)), pool)
            postgres.kill()
            opening = asyncio.create_task(keys.run())
            await asyncio.wait([opening], timeout=1)
            await asyncio.to_thread(postgres.start)

            async def opened() -> bool:
                return opening.done() or not keys.problems()

            await until(opened)
            assert not opening.done(), opening.exception()
            opening.cancel()
