"""A database of before, with rows in it, is migrated: it gives the same answers, and knows what it knew."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from chassis.migrate import Source, migrate
from chassis.run import App
from contracts.visits import VisitCompleted, VisitRescheduled
from reporting.app import MIGRATIONS, build
from stack.postgres import Database
from tests.integration.reporting.conftest import Reporting, reporting_settings
from tests.integration.reporting.test_answers import END_OF_3
from tests.integration.reporting.world import (
    CAMPAIGN,
    at,
    decided,
    group,
    opened,
    recording,
    school,
    statement,
    target,
    visit,
)  # fmt: skip
from tests.servers import Servers

COMPLETED = VisitCompleted(**dict(visit(2, 2, day=1, status="completed", missed={"internship": 7})))
TABLES = {"campaign": [opened(), opened(revision=2, known_at=at(5), name="Lain")], "school": [school(1), school(2)],
          "target": [target("campaign", 20, counting_from="2024-10-01"), target(group(1), 4)],
          "statement": [statement(1, 10_000)],
          "visit": [visit(1), VisitRescheduled(**dict(visit(1, 2, day=9))), visit(2, day=1), COMPLETED]}  # fmt: skip
RECORDINGS = [recording(1), recording(1, 2, known=at(6), group=group(2), cause="reattributed"),
              recording(2, domicile_regency=None), recording(3, day=2, counts=False, cause="voided")]  # fmt: skip
DECISIONS = [decided(1, "counted"), decided(2, "held", 3, reason="under_age")]
EVENTS: list[Any] = [*(event for events in TABLES.values() for event in events), *RECORDINGS, *DECISIONS]
MOVED = ("recording_current", "coverage_day", "decision_count", "campaign_change")
BEFORE = 2  # of reporting's migrations; those that came later are
NEWER = len(list(MIGRATIONS[-1].dir.glob("*.sql"))) - BEFORE


@pytest.fixture
async def before(stack: Servers, tmp_path: Path) -> AsyncIterator[Database]:
    """With the tables as the first two migrations make them, empty."""
    with stack.postgres.fresh_database("reporting") as database:
        *packages, own = MIGRATIONS
        for file in sorted(own.dir.glob("*.sql"))[:BEFORE]:
            shutil.copy(file, tmp_path)
        await migrate(database.owner_url, [*packages, Source(own.name, tmp_path)])
        yield database


async def fill(database: Database, twin: Reporting) -> None:
    """The rows of before, as that program would have written them for what the twin was told."""
    connection = await asyncpg.connect(database.owner_url)
    try:
        for noun, events in TABLES.items():
            await connection.executemany(
                f"INSERT INTO {noun}_version (campaign, id, revision, known_at, data) VALUES ($1, $2, $3, $4, $5)",
                [
                    (each.campaign, each.subject, each.revision, each.known_at, each.model_dump_json())
                    for each in events
                ],
            )
        for old, new in [("recording_version", "recording_revision"), ("submission_decision", "submission_decision")]:
            rows = [tuple(row)[:-1] for row in await twin.pool.fetch(f"SELECT * FROM reporting.{new}")]  # but the hash
            await connection.copy_records_to_table(old, records=rows)
        for table in MOVED:
            rows = await twin.pool.fetch(f"SELECT * FROM reporting.{table}")
            await connection.copy_records_to_table(table, records=[tuple(row) for row in rows])
    finally:
        await connection.close()


async def answers(app: App) -> dict[str, tuple[int, str, str]]:
    """What is answered: status, entity tag, content."""
    given = {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app.http), base_url="http://reporting") as http:
        for path in (
            "/coverage",
            "/coverage?by=day",
            "/coverage?by=kind",
            "/coverage?by=domicile",
            "/late",
            "/schools",
            f"/schools/{group(1)[5:]}",
            f"/schools/{group(1)[5:]}/days",
            "/targets",
            "/statements",
            "/visits",
        ):
            for known_at in ("", f"known_at={END_OF_3}"):
                url = f"/v1/campaigns/{CAMPAIGN}{path}{'&' if '?' in path else '?'}{known_at}"
                answer = await http.get(url)
                given[url] = (answer.status_code, answer.headers["etag"], answer.text)
        page = await http.get(f"/campaigns/{CAMPAIGN}")
    return given | {"page": (page.status_code, "", page.text)}  # fmt: skip


async def test_a_database_of_before_gives_the_same_answers(reporting: Reporting, before: Database) -> None:
    assert await reporting.hear(*EVENTS) == []
    expected = await answers(reporting.app)
    assert {status for status, _, _ in expected.values()} == {200}
    await fill(before, reporting)
    assert len(await migrate(before.owner_url, MIGRATIONS)) == NEWER
    async with build(reporting_settings(before)) as app, httpx.AsyncClient() as http:
        assert await answers(app) == expected
        migrated = Reporting(app, http, app.pools[1])
        assert await migrated.hear(*EVENTS) == []  # nothing of what comes again is a conflict, or is counted again
        assert await answers(app) == expected
        others = [
            opened(name="Anders"), school(1, name="Anders"), target(group(1), 5), statement(1, 1),
            visit(1, place="Lain"), recording(1, group="outside"), decided(1, "held"),
        ]  # fmt: skip
        assert await migrated.hear(*others) == ["revision_conflict"] * len(others)


async def test_revisions_that_counted_batches_count_facts(reporting: Reporting, before: Database) -> None:
    await reporting.hear(*EVENTS)
    await fill(before, reporting)
    counted = "SELECT topic, revision FROM {}campaign_change ORDER BY topic"
    async with asyncpg.create_pool(before.owner_url, min_size=1, max_size=1) as pool:
        await pool.execute("UPDATE campaign_change SET revision = 1")
        await pool.execute("DELETE FROM chassis.schema_migration WHERE source = 'reporting' AND number = 2")
        assert len(await migrate(before.owner_url, MIGRATIONS)) == 1 + NEWER
        rows = await pool.fetch(counted.format("reporting."))
    assert rows == await reporting.pool.fetch(counted.format("reporting."))
    assert [row["revision"] for row in rows] == [4, 4, 4, 3, 4]
