"""The pool on a real PostgreSQL, and HTTP while the database is away and after it is back."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from chassis.db import create_pool
from chassis.http import create_app
from chassis.probes import DatabaseProbe
from stack.postgres import Database, Postgres


async def test_jsonb_settings_and_the_wait_for_a_free_connection(database: Database) -> None:
    pool = create_pool(
        database.url,
        name="tiny",
        max_size=1,
        acquire_timeout=0.05,
        server_settings={"plan_cache_mode": "force_custom_plan"},
    )
    async with pool:
        assert await pool.fetchval("SELECT $1::jsonb", {"a": [1, None]}) == {"a": [1, None]}
        assert await pool.fetchval("SHOW plan_cache_mode") == "force_custom_plan"
        assert await pool.fetchval("SHOW application_name") == "tiny"
        # Who goes silent in the middle of a transaction loses its locks: see tests/faults/test_world.py.
        assert await pool.fetchval("SHOW idle_in_transaction_session_timeout") == "10s"
        async with pool.acquire():
            with pytest.raises(TimeoutError):
                await pool.fetchval("SELECT 1")


@pytest.fixture
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("postgres")) as postgres:
        yield postgres


async def test_a_database_that_goes_away_and_comes_back(own_postgres: Postgres) -> None:
    async with create_pool(own_postgres.url(), name="tiny", acquire_timeout=0.5, command_timeout=0.5) as pool:
        probe = DatabaseProbe(pool)
        app = create_app("Tiny", version="1", components=[probe])

        @app.get("/now")
        async def now() -> str:
            return str(await pool.fetchval("SELECT now()"))

        probing = asyncio.create_task(probe.run())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://tiny") as http, asyncio.timeout(60):

            async def until(status: int) -> None:
                for path in ("/health/ready", "/now"):
                    while (await http.get(path)).status_code != status:
                        await asyncio.sleep(0.02)

            await until(200)
            for away, back in ((own_postgres.kill, own_postgres.start), (own_postgres.freeze, own_postgres.thaw)):
                await asyncio.to_thread(away)
                await until(503)
                answer = await http.get("/now")
                assert answer.json()["type"] == "/problems/unavailable"
                assert "retry-after" in answer.headers
                assert (await http.get("/health/ready")).json()["problems"] == [
                    "database: the database does not answer"
                ]
                assert (await http.get("/health/live")).status_code == 200
                await asyncio.to_thread(back)
                await until(200)
        probing.cancel()


async def test_a_start_waits_for_the_database(own_postgres: Postgres) -> None:
    await asyncio.to_thread(own_postgres.stop)

    async def ask() -> int:
        async with create_pool(own_postgres.url(), name="tiny", wait=30) as pool:
            return int(await pool.fetchval("SELECT 1"))

    asking = asyncio.create_task(ask())
    await asyncio.to_thread(own_postgres.start)
    assert await asking == 1
