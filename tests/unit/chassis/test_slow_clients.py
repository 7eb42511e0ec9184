"""Clients that send or read slowly, or too much at once: they cost a bounded share, and everybody else is served."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from chassis.connections import ConnectionLimits
from chassis.http import create_app
from chassis.incoming import MIB, BodyLimits
from chassis.run import HttpServer
from tests.unit.chassis.tiny import tiny_app

NEVER = 3600.0
PATIENT = ConnectionLimits(at_once=6000, head_seconds=NEVER, unread_seconds=NEVER)
MANY = min(5000, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 300) // 2)  # both ends are in this process
PUT = b"PUT /v1/things/7 HTTP/1.1\r\nhost: tiny\r\ncontent-type: application/json\r\n"

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def serving(
    limits: ConnectionLimits, app: FastAPI | None = None, bodies: BodyLimits | None = None
) -> AsyncIterator[HttpServer]:
    server = HttpServer(app or tiny_app(limits=bodies or BodyLimits()), "127.0.0.1", 0, limits=limits)
    running = asyncio.create_task(server.run())
    try:
        while server.problems():
            await asyncio.sleep(0.01)
        yield server
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def clients(server: HttpServer, count: int, sent: bytes) -> AsyncIterator[list[Client]]:
    """So many connections that have sent so much and wait."""
    connected: list[Client] = []
    try:
        for _ in range(count):
            connected.append(await asyncio.open_connection("127.0.0.1", server.port))
            connected[-1][1].write(sent)
        yield connected
    finally:
        for _, writer in connected:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in connected), return_exceptions=True)


async def problem(client: Client) -> tuple[int, str]:
    """The status and type of the problem that a client is sent before it is hung up on."""
    answer = await client[0].read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, answer
    return int(head.split()[1]), json.loads(body)["type"]


async def is_served(server: HttpServer) -> bool:
    async with httpx.AsyncClient(timeout=60) as http:
        return (await http.get(f"http://127.0.0.1:{server.port}/health/live")).status_code == 200


@pytest.mark.parametrize("sent", [b"", b"GET /health/live HTTP/1.1\r\nhost: ti"])
async def test_a_head_that_does_not_come_is_not_waited_for(sent: bytes) -> None:
    limits = ConnectionLimits(at_once=6000, head_seconds=0.5, unread_seconds=NEVER)
    async with serving(limits) as server, clients(server, 20, sent) as waiting:
        answers = await asyncio.gather(*map(problem, waiting))
        assert set(answers) == {(408, "/problems/request-timeout")}
        assert await is_served(server)


async def test_the_time_for_a_head_begins_anew_with_the_next_request_on_a_connection() -> None:
    limits = ConnectionLimits(head_seconds=0.5)
    async with serving(limits) as server, clients(server, 1, b"") as ((reader, writer),):
        for _ in range(3):
            writer.write(b"GET /health/live HTTP/1.1\r\nhost: tiny\r\n\r\n")
            assert await reader.readuntil(b"}")
        writer.write(b"GET /health")
        assert await problem((reader, writer)) == (408, "/problems/request-timeout")


async def test_a_body_that_does_not_come_is_not_waited_for_and_leaves_nothing_behind() -> None:
    bodies = BodyLimits(seconds=0.5)
    half = PUT + b"content-length: 900000\r\n\r\n" + b"x" * 100_000
    async with serving(PATIENT, bodies=bodies) as server, clients(server, 20, half) as waiting:
        answers = await asyncio.gather(*map(problem, waiting))
        assert set(answers) == {(408, "/problems/request-timeout")}
        assert server.app.state.incoming.held == 0
        assert await is_served(server)


async def test_all_bodies_together_take_no_more_than_they_may() -> None:
    bodies = BodyLimits(together=8 * MIB, seconds=NEVER)
    unfinished = PUT + b"content-length: 1000000\r\n\r\n" + b"x" * 999_999
    async with serving(PATIENT, bodies=bodies) as server, clients(server, 40, unfinished) as waiting:
        refused = [asyncio.create_task(problem(client)) for client in waiting]
        done: set[asyncio.Task[Any]] = set()
        while len(done) < 30:
            done, _ = await asyncio.wait(refused, return_when=asyncio.FIRST_COMPLETED, timeout=1)
        assert {task.result() for task in done} == {(429, "/problems/busy")}
        assert 0 < server.app.state.incoming.held <= 8 * MIB
        async with httpx.AsyncClient(timeout=60) as http:  # what is short comes through
            answer = await http.put(f"http://127.0.0.1:{server.port}/v1/things/7", json={"value": 1})
        assert answer.status_code == 200
        for task in refused:
            task.cancel()
        await asyncio.gather(*refused, return_exceptions=True)
    assert server.app.state.incoming.held == 0


async def test_no_more_are_connected_than_may_be() -> None:
    limits = ConnectionLimits(at_once=30, head_seconds=NEVER)
    async with serving(limits) as server:
        async with clients(server, 30, b"GET") as inside:
            async with clients(server, 10, b"") as outside:
                assert set(await asyncio.gather(*map(problem, outside))) == {(429, "/problems/busy")}
            inside[0][1].write(b" /health/live HTTP/1.1\r\nhost: tiny\r\n\r\n")
            assert (await inside[0][0].readline()).startswith(b"HTTP/1.1 200")
        assert await is_served(server)


async def test_thousands_of_slow_clients_are_hung_up_on_and_others_are_served_meanwhile() -> None:
    limits = ConnectionLimits(at_once=6000, head_seconds=5, unread_seconds=NEVER)
    async with serving(limits) as server, clients(server, MANY, b"GET /health/live HTTP/1.1\r\nhost: ti") as waiting:
        assert await is_served(server)
        answers = await asyncio.gather(*map(problem, waiting))
        assert answers == [(408, "/problems/request-timeout")] * MANY


async def test_who_does_not_read_an_answer_is_hung_up_on_and_the_answer_ends() -> None:
    app, ended = create_app("Tiny", version="1"), asyncio.Event()

    async def much() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 100_000
                await asyncio.sleep(0)
        finally:
            ended.set()

    @app.get("/much")
    async def answer() -> StreamingResponse:
        return StreamingResponse(much())

    limits = ConnectionLimits(unread_seconds=0.5)
    async with serving(limits, app) as server, clients(server, 1, b"GET /much HTTP/1.1\r\nhost: tiny\r\n\r\n"):
        await ended.wait()
        assert await is_served(server)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_of_50_mb_gets_its_problem_and_no_reset(chunked: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 1_000_000

    async with serving(PATIENT) as server, httpx.AsyncClient(timeout=120) as http:
        content = chunks() if chunked else b"x" * 50_000_000
        headers = {"content-type": "application/json"}
        url = f"http://127.0.0.1:{server.port}/v1/things/7"
        answer = await http.put(url, content=content, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/content-too-large")
        assert answer.json()["limit"] == MIB
        assert server.app.state.incoming.held == 0


async def test_who_asks_before_sending_too_much_is_told_at_once() -> None:
    asking = PUT + b"content-length: 50000000\r\nexpect: 100-continue\r\n\r\n"
    async with serving(PATIENT) as server, clients(server, 1, asking) as (client,):
        assert await problem(client) == (413, "/problems/content-too-large")


async def test_what_is_no_http_is_told_so() -> None:
    async with serving(PATIENT) as server, clients(server, 1, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n") as (client,):
        assert await problem(client) == (400, "/problems/malformed-request")


def test_no_more_connections_are_taken_than_files_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    assert ConnectionLimits(at_once=1000).open_files == 924
    assert ConnectionLimits(at_once=500).open_files == 500


async def test_a_client_that_goes_away_leaves_nothing_behind() -> None:
    async with serving(PATIENT) as server:
        async with clients(server, 5, PUT + b"content-length: 900000\r\n\r\n" + b"x" * 500_000):
            while server.app.state.incoming.held < 5 * 480_000:
                await asyncio.sleep(0.01)
        while server.app.state.incoming.held:
            await asyncio.sleep(0.01)
        assert await is_served(server)
