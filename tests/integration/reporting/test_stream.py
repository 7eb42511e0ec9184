"""Server-sent events on a real socket: a snapshot first, then what a batch has changed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from chassis.run import App, HttpServer
from exactly_once import Pool
from reporting.api.stream import events as events_since
from reporting.app import build
from reporting.live.watch import Live
from reporting.questions.view import View
from reporting.settings import Pace
from stack.postgres import Database
from tests.integration.reporting.conftest import reporting_settings
from tests.integration.reporting.world import CAMPAIGN, group, hear, opened, recording, school, target, visit

STREAM = f"/v1/campaigns/{CAMPAIGN}/stream"
LIVE = f"/campaigns/{CAMPAIGN}/live"


@dataclass
class Served:
    """The service on a socket, without its consumer."""

    app: App
    url: str

    @property
    def pool(self) -> Pool:
        return self.app.pools[1]

    async def hear(self, *events: Any) -> None:
        assert await hear(self.pool, *events) == []


@asynccontextmanager
async def serving(database: Database, **changes: Any) -> AsyncIterator[Served]:
    app = build(reporting_settings(database, **changes))
    components = app.components["api"]
    server = next(one for one in components if isinstance(one, HttpServer))
    async with app:
        tasks = [asyncio.create_task(one.run()) for one in components]
        try:
            async with asyncio.timeout(20):
                while server.problems():
                    await asyncio.sleep(0.01)
            yield Served(app, f"http://127.0.0.1:{server.port}")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def served(migrated: Database) -> AsyncIterator[Served]:
    async with serving(migrated, pace=Pace(interval=0.01, heartbeat=30, poll=0.1)) as started:
        await started.hear(opened(), school(1), target("campaign", 10), target(group(1), 4), recording(1), visit(1))
        yield started


@asynccontextmanager
async def listening(served: Served, path: str = STREAM, **headers: str) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    """The events of a stream, each as its fields; a comment has the name ''."""
    async with (
        httpx.AsyncClient(base_url=served.url, timeout=20) as client,
        client.stream("GET", path, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer)


async def events(answer: httpx.Response) -> AsyncIterator[dict[str, str]]:
    found: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            found[name] = f"{found[name]}\n{value}" if name in found else value
        elif found.keys() != {"retry"}:
            yield found
            found = {}
        else:
            found = {}


async def test_a_snapshot_first_then_what_a_batch_changed(served: Served) -> None:
    async with listening(served) as heard:
        first = await anext(heard)
        snapshot = json.loads(first["data"])
        assert first["event"] == "snapshot"
        assert snapshot["coverage"]["total"]["recorded"] == 1
        assert first["id"] == str(snapshot["coverage"]["revision"])
        assert [one["visit_id"] for one in snapshot["visits"]]

        await served.hear(recording(2, group="outside"))
        change = await anext(heard)
        said = json.loads(change["data"])
        assert change["event"] == "coverage"
        assert [(row["group"], row["recorded"]) for row in said["rows"]] == [("outside", 1)]
        assert (said["total"]["recorded"], said["gone"]) == (2, [])
        assert int(change["id"]) > int(first["id"])

        await served.hear(recording(2, 2, group="outside", counts=False, cause="voided"))
        assert json.loads((await anext(heard))["data"])["gone"] == ["outside"]

        await served.hear(visit(1, 2, status="cancelled"))
        change = await anext(heard)
        while change["event"] != "visits":  # the visit's known_at may have moved the coverage answer as well
            change = await anext(heard)
        assert [one["status"] for one in json.loads(change["data"])["visits"]] == ["cancelled"]


async def test_a_client_that_comes_back_gets_a_snapshot_again(served: Served) -> None:
    async with listening(served, last_event_id="1") as heard:
        assert (await anext(heard))["event"] == "snapshot"


async def test_a_missed_notification_is_caught_up_by_the_poll(served: Served) -> None:
    async with listening(served) as heard:
        await anext(heard)
        await served.pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reporting-live'"
        )
        await served.hear(recording(3))
        assert json.loads((await anext(heard))["data"])["total"]["recorded"] == 2


async def test_many_changes_at_once_are_seen_as_few(migrated: Database) -> None:
    async with serving(migrated, pace=Pace(interval=0.3, heartbeat=30, poll=0.1)) as started:
        await started.hear(recording(0))
        async with listening(started) as heard:
            await anext(heard)
            began, count, recorded = time.monotonic(), 0, 0
            for number in range(1, 40):
                await started.hear(recording(number))
            while recorded < 40:
                recorded = json.loads((await anext(heard))["data"])["total"]["recorded"]
                count += 1
            assert count <= (time.monotonic() - began) / 0.3 + 2


async def test_silence_has_a_heartbeat(migrated: Database) -> None:
    async with serving(migrated, pace=Pace(interval=0.01, heartbeat=0.1, poll=0.1)) as started:
        await started.hear(recording(1))
        async with listening(started) as heard:
            assert (await anext(heard))["event"] == "snapshot"
            assert await anext(heard) == {"": "alive"}


async def test_an_unknown_campaign_has_no_stream(served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.url) as client:
        answer = await client.get("/v1/campaigns/elsewhere/stream")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


async def test_the_page_gets_only_the_parts_that_changed(served: Served) -> None:
    revision = await served.pool.fetchval("SELECT sum(revision) FROM reporting.campaign_change")
    async with listening(served, f"{LIVE}?seen={revision}") as heard:  # up to date: nothing to say at first
        await served.hear(recording(2))
        change = await anext(heard)
        assert change["event"] == "change"
        assert 'id="headline" class="headline" hx-swap-oob="true"' in change["data"]
        assert f'<tr id="g-npsn-{group(1)[5:]}" hx-swap-oob="true" class="moved"' in change["data"]
        assert 'id="visits"' not in change["data"]
    async with listening(served, f"{LIVE}?seen={revision}") as heard:  # behind: everything
        everything = (await anext(heard))["data"]
        assert '<tbody id="rows" hx-swap-oob="true">' in everything
        assert 'id="visits"' in everything


async def test_a_change_is_rendered_once_for_all_clients(served: Served) -> None:
    clients, rendered = 50, []

    def render(before: View | None, now: View) -> str:
        rendered.append((before and before.moment.revision, now.moment.revision))
        return f"{now.coverage.total.recorded}"

    live = next(part for part in served.app.components["api"] if isinstance(part, Live))
    followers = [live.follow(CAMPAIGN, render) for _ in range(clients)]
    async with asyncio.timeout(20):
        assert await asyncio.gather(*map(anext, followers)) == ["1"] * clients
        for number in (2, 3):
            waiting = [asyncio.create_task(anext(each)) for each in followers]
            await asyncio.sleep(0)
            await served.hear(recording(number))
            assert await asyncio.gather(*waiting) == [f"{number}"] * clients
    revisions = [revision for _, revision in rendered]
    assert rendered == list(zip([None, *revisions], revisions, strict=False)), "once for each change, and in order"
    assert len(rendered) == 3
    for each in followers:
        await each.aclose()


async def test_a_client_that_lags_behind_is_sent_all_that_it_missed(served: Served) -> None:
    live = next(part for part in served.app.components["api"] if isinstance(part, Live))
    quick, slow = live.follow(CAMPAIGN, events_since), live.follow(CAMPAIGN, events_since)
    async with asyncio.timeout(20):
        await anext(quick), await anext(slow)
        for number, where in ((2, "outside"), (3, "outside:kursus")):
            await served.hear(recording(number, group=where))
            assert where in await anext(quick)
        missed = await anext(slow)
    assert '"outside"' in missed
    assert '"outside:kursus"' in missed
    await quick.aclose()
    await slow.aclose()
