"""The chassis as a person or a supervisor sees it: real processes, their exit codes, lines and sockets."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

import chassis
from stack.postgres import Database, Postgres

ROOT = Path(__file__).parents[3]
NOWHERE = {"TINY_DATABASE_URL": "postgresql://tiny:s3cret@127.0.0.1:1/tiny", "TINY_DATABASE_USED": "false"}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@asynccontextmanager
async def tiny(verb: str, settings: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.chassis.tiny_service", verb, cwd=ROOT,
        env={**{k: v for k, v in os.environ.items() if not k.startswith("TINY_")}, **settings},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def outcome(verb: str, settings: Mapping[str, str]) -> tuple[int | None, str, str]:
    async with tiny(verb, settings) as process, asyncio.timeout(30):
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()


async def ready(port: int) -> None:
    async with httpx.AsyncClient() as http, asyncio.timeout(30):
        while True:
            try:
                if (await http.get(f"http://127.0.0.1:{port}/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


async def test_missing_settings_are_lines_and_78() -> None:
    code, _, err = await outcome("serve", {})
    assert code == 78
    assert err.splitlines() == ["tiny: TINY_DATABASE_URL is missing", "tiny: TINY_HTTP_PORT is missing"]


@pytest.mark.parametrize(
    ("verb", "worker", "code", "line"),
    [
        ("worker", "verdict", 70, "tiny: the log was rewound"),
        ("serve", "fails", 1, "tiny: worker failed: ValueError, the log says more"),
        ("serve", "returns", 1, "tiny: worker ended by itself"),
    ],
)
async def test_exit_codes_and_lines(verb: str, worker: str, code: int, line: str) -> None:
    settings = {**NOWHERE, "TINY_HTTP_PORT": "0", "TINY_WORKER": worker, "TINY_LOG_FORMAT": "json"}
    returned, _, err = await outcome(verb, settings)
    people, logs = [], []
    for each in err.splitlines():
        (logs if each.startswith("{") else people).append(each)
    assert (returned, people) == (code, [line])
    assert "3573990101010001" not in err
    if worker == "fails":
        assert "ValueError: of [masked]" in json.loads(logs[0])["exception"]


async def test_a_port_in_use_is_78() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = await outcome("api", {**NOWHERE, "TINY_HTTP_PORT": str(port)})
    assert (code, err) == (78, f"tiny: cannot listen on 127.0.0.1 port {port}: address already in use\n")


async def test_a_worker_has_health_and_metrics_too() -> None:
    port = free_port()
    async with tiny("worker", {**NOWHERE, "TINY_HTTP_PORT": str(port)}) as process:
        await ready(port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            assert "process_cpu_seconds_total" in (await http.get("/metrics")).text
            assert (await http.get("/now")).status_code == 404
        process.terminate()
        assert await process.wait() == 0


async def test_sigterm_ends_an_open_stream_at_once_and_in_good_order() -> None:
    port = free_port()
    settings = {**NOWHERE, "TINY_HTTP_PORT": str(port), "TINY_STOP_SECONDS": "60"}
    async with tiny("serve", settings) as process:
        await ready(port)
        async with (
            httpx.AsyncClient(timeout=90) as http,
            http.stream("GET", f"http://127.0.0.1:{port}/stream") as answer,
        ):
            chunks = answer.aiter_text()
            assert await anext(chunks) == "data: 1\n\n"
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert [chunk async for chunk in chunks] == []
            assert await process.wait() == 0
        assert time.monotonic() - began < 30, "not at the deadline"
        assert process.stderr is not None
        assert await process.stderr.read() == b""


async def test_who_ignores_the_order_to_stop_is_left_behind_after_the_deadline() -> None:
    port = free_port()
    settings = {**NOWHERE, "TINY_HTTP_PORT": str(port), "TINY_WORKER": "stubborn", "TINY_STOP_SECONDS": "0.5"}
    async with tiny("serve", settings) as process:
        await ready(port)
        process.terminate()
        async with asyncio.timeout(60):
            _, err = await process.communicate()
    assert process.returncode == 1
    assert b"did not stop in time" in err


async def test_a_database_that_hangs_does_not_keep_a_process_from_stopping(tmp_path: Path) -> None:
    port = free_port()
    with Postgres(tmp_path) as postgres:
        database = postgres.make_fresh_database()
        settings = {
            "TINY_DATABASE_URL": database.url,
            "TINY_MIGRATION_DATABASE_URL": database.owner_url,
            "TINY_HTTP_PORT": str(port),
            "TINY_LOG_LEVEL": "error",
        }
        assert (await outcome("migrate", settings))[0] == 0
        async with tiny("serve", settings) as process:
            await ready(port)
            postgres.freeze()
            try:
                process.terminate()
                async with asyncio.timeout(20):
                    _, err = await process.communicate()
            finally:
                postgres.thaw()
    assert (process.returncode, err) == (0, b"")


@pytest.mark.parametrize(
    ("part", "wrong", "reason"),
    [
        (r":[^:@]+@", ":wrong-s3cret@", "wrong password, or no such user"),
        (r"/[^/]+$", "/no_such", "there is no such database"),
        (r"@[^/]+/", "@127.0.0.1:1/", "no server answers, waited 0.2 s"),
    ],
)
async def test_what_is_wrong_with_the_database_is_one_line(
    database: Database, part: str, wrong: str, reason: str
) -> None:
    url = re.sub(part, wrong, database.url)
    settings = {"TINY_DATABASE_URL": url, "TINY_HTTP_PORT": "0", "TINY_DATABASE_WAIT_SECONDS": "0.2"}
    code, _, err = await outcome("serve", {**settings, "TINY_LOG_LEVEL": "error"})
    where = url.rsplit("@", 1)[1]
    assert (code, err) == (78, f"tiny: database {where}: {reason}\n")


async def test_a_service_before_its_migrations_says_so_and_runs_after_them(database: Database) -> None:
    port = free_port()
    settings = {
        "TINY_DATABASE_URL": database.url,
        "TINY_MIGRATION_DATABASE_URL": database.owner_url,
        "TINY_HTTP_PORT": str(port),
        "TINY_LOG_LEVEL": "error",
    }
    code, _, err = await outcome("serve", settings)
    files = len(list(chassis.migrations_dir().glob("*.sql")))
    missing = f"chassis/0001_idempotency.sql and {files - 1} more"
    line = f"tiny: database is not migrated: {missing}; run `python -m tiny migrate`\n"
    assert (code, err) == (78, line)
    assert await outcome("migrate", settings) == (0, f"tiny: {files} migrations applied\n", "")
    assert await outcome("migrate", settings) == (0, "tiny: the database is up to date\n", "")
    async with tiny("serve", settings):
        await ready(port)
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"http://127.0.0.1:{port}/now")).status_code == 200
