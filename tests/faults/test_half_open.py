"""A server that fails over leaves connections half open: nothing comes, nothing ends. It is noticed within 2 s."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from chassis import probes
from chassis.db import create_pool
from chassis.probes import DatabaseProbe
from exactly_once import KafkaSettings, OwnTopics, own_topics
from exactly_once.deadline import within
from stack.postgres import Database
from tests.ledger import KEPT, consuming, prepared
from tests.support import until

pytestmark = pytest.mark.faults


class Way:
    """What is between a service and its database: once it is cut, bytes vanish and no connection is ever made."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._open = asyncio.Event()
        self._open.set()
        self.url = ""

    async def __aenter__(self) -> Way:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        user = self._parts.netloc.rpartition("@")[0]
        self.url = urlunsplit(self._parts._replace(netloc=f"{user}@127.0.0.1:{port}"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open.set()
        self._server.close()

    def cut(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        assert self._parts.hostname and self._parts.port
        from_server, to_server = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        with contextlib.suppress(OSError):
            await asyncio.gather(self._pass(reader, to_server), self._pass(from_server, writer))

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self._open.wait()
            target.write(data)
        target.close()


@pytest.fixture
async def way(database: Database) -> AsyncIterator[Way]:
    async with prepared(database), Way(database.url) as made:
        yield made


def test_what_is_asked_how_often_and_for_how_long_adds_up_to_two_seconds() -> None:
    assert own_topics.AGAIN_AFTER + own_topics.ANSWER_WITHIN <= 2
    assert probes.ASK_DATABASE_EVERY + probes.DATABASE_ANSWERS_WITHIN <= 2


async def test_the_own_topics_are_not_called_compared_while_the_connection_is_half_open(
    settings: KafkaSettings, way: Way
) -> None:
    """And not only once the pool has the connection back, for which it waits until the server has said something."""
    async with create_pool(way.url, name="ledger") as pool:
        own = OwnTopics(settings, pool, [KEPT])
        async with consuming(own) as comparing:
            await within(60, own.wait())
            way.cut()
            began = asyncio.get_running_loop().time()

            async def noticed() -> bool:
                return not own.compared

            await until(noticed, within=60)
            assert asyncio.get_running_loop().time() - began < 10
            way.mend()
            await within(60, own.wait())
            assert not comparing.done()


async def test_the_probe_notices_it_and_that_it_is_over(way: Way) -> None:
    async with create_pool(way.url, name="ledger") as pool:
        probe = DatabaseProbe(pool)
        probing = asyncio.create_task(probe.run())

        async def says(problems: int) -> bool:
            return probe.asked and len(probe.problems()) == problems

        await until(lambda: says(0), within=60)
        way.cut()
        await until(lambda: says(1), within=60)
        assert not pool.answers
        way.mend()
        await until(lambda: says(0), within=60)
        assert pool.answers
        probing.cancel()
        await asyncio.wait([probing])
