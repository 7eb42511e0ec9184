"""The noun of docs/adding.md works as it is shown: its table, its handler, its address."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

import chassis
import exactly_once
from chassis.commands import Commands
from chassis.db import Pool, create_pool
from chassis.http import create_app
from chassis.migrate import Source, migrate
from contracts.schools import CampaignOpened
from exactly_once import Connection, OwnTopics
from stack.postgres import Database
from tests.support import kafka_settings

SNIPPET = Path(__file__).parents[3] / "docs/snippets/new_noun.py"
OPENED = CampaignOpened(
    campaign="kota-contoh", revision=1, known_at=datetime(2024, 9, 1, tzinfo=UTC), name="Kota Contoh",
    region_code="35.73", zone="Asia/Jakarta", opens_on=date(2024, 9, 19), voting_day=date(2024, 11, 27),
)  # fmt: skip
DAYS = {"opens_on": "2024-11-09", "closes_on": "2024-11-17"}


@pytest.fixture(scope="module")
def noun() -> Any:
    spec = importlib.util.spec_from_file_location("new_noun", SNIPPET)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def pool(database: Database, tmp_path: Path) -> AsyncIterator[Pool]:
    (tmp_path / "0001_points.sql").write_text(
        "CREATE SCHEMA scheduling; SELECT exactly_once.create_fact_table('scheduling.point_revision');"
    )
    sources = [
        Source("chassis", chassis.migrations_dir()),
        Source("exactly_once", exactly_once.migrations_dir()),
        Source("scheduling", tmp_path),
    ]
    await migrate(database.owner_url, sources)
    async with create_pool(database.url, name="test") as opened:
        yield opened


async def test_a_noun_as_docs_adding_shows_it(noun: Any, pool: Pool) -> None:
    async def campaign(_tx: Connection, _slug: str) -> CampaignOpened:
        return OPENED

    own = OwnTopics(kafka_settings("127.0.0.1:1"), pool, [])
    own._verified.set()
    app = create_app("Points", version="1")
    app.include_router(noun.router(Commands(pool, own, campaign)))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service/v1/campaigns/kota-contoh") as http:
        first = await http.put("/points/mpp", json=DAYS)
        assert (first.status_code, first.json()["revision"], first.headers["ETag"]) == (200, 1, '"1"')
        assert (await http.put("/points/mpp", json=DAYS)).json()["revision"] == 1, "nothing new is said"
        later = {**DAYS, "closes_on": "2024-11-20"}
        assert (await http.put("/points/mpp", json=later, headers={"If-Match": '"1"'})).json()["revision"] == 2
        stale = await http.put("/points/mpp", json=DAYS, headers={"If-Match": '"1"'})
        assert (stale.status_code, stale.json()["current"]) == (412, 2)
        refused = await http.put("/points/mpp", json={**DAYS, "closes_on": "2024-12-01"})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/closes_on")
    async with pool.acquire() as tx:
        assert [point.closes_on.day for point in await noun.POINTS.every(tx, "kota-contoh")] == [17, 20]
