"""Dear questions: sums and pages are made in SQL, by no plan that hangs on luck, few at once; busy is not away."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from contracts.days import end_of
from contracts.recordings import Recording
from reporting.app import build
from stack.postgres import Database
from tests.integration.reporting.conftest import Reporting, reporting_settings
from tests.integration.reporting.world import CAMPAIGN, at, group, opened, recording, target

URL = f"/v1/campaigns/{CAMPAIGN}"
LARGE = """
    INSERT INTO reporting.recording_revision
           (campaign, person_id, revision, known_at, recorded_at, received_at, recorded_on, counts, "group", kind,
            cause)
    SELECT $1, md5($1 || i)::uuid, revision, timestamptz '2024-10-01' + i * interval '1 s', '2024-10-01', '2024-10-01',
           date '2024-10-01' + i % 20, revision = 1, 'npsn:20599901', 'school_visit', 'recorded'
      FROM generate_series(1, $2) AS i, generate_series(1, 2) AS revision
     WHERE revision = 1 OR i % 10 = 0
"""
CURRENT = """
    INSERT INTO reporting.recording_current
    SELECT DISTINCT ON (person_id) person_id, revision, recorded_on, counts, campaign, "group", kind, ''
      FROM reporting.recording_revision WHERE campaign = $1 ORDER BY person_id, revision DESC
"""


def history(chance: random.Random) -> list[Recording]:
    """Up to four revisions of a few persons, each later than the one before."""
    made = []
    for number in range(chance.randint(1, 12)):
        known = at(chance.randint(1, 6), chance.randint(0, 23))
        for revision in range(1, chance.randint(2, 5)):
            made.append(
                recording(
                    number, revision, day=chance.randint(1, 6), known=known, counts=chance.random() < 0.7,
                    group=group(chance.randint(1, 2)), cause=chance.choice(["recorded", "voided", "reattributed"]),
                )
            )  # fmt: skip
            known += timedelta(hours=chance.randint(1, 30))
    return made


def late_of(history: Sequence[Recording], as_of: date, known_at: datetime, then: date | None, now: date | None) -> Any:
    """What `/late` is to say, as plainly as it can be written: the definition that the SQL is held against."""

    def place(version: Recording | None, since: date | None) -> str | None:
        if version is None or not version.counts or not (since or date.min) <= version.recorded_on <= as_of:
            return None
        return version.group

    rows = []
    for person in {version.person_id for version in history}:
        versions = sorted((v for v in history if v.person_id == person), key=lambda v: v.revision)
        by_then = [version for version in versions if version.known_at <= known_at]
        before, after = place(by_then[-1] if by_then else None, then), place(versions[-1], now)
        if before == after:
            continue
        turned = [
            version
            for previous, version in zip([None, *versions], versions, strict=False)
            if version.known_at > known_at and place(version, now) != place(previous, now)
        ]
        told = turned[-1] if turned else versions[-1]
        change = "added" if before is None else "removed" if after is None else "moved"
        cause = told.cause if turned else "counting_from"
        rows.append((told.recorded_on, told.known_at, person, change, cause, after or before, before))
    return [row[:2] + row[3:] for row in sorted(rows)]


@pytest.mark.properties
@pytest.mark.parametrize("seed", range(12))
async def test_late_is_what_its_definition_says_page_by_page(reporting: Reporting, seed: int) -> None:
    chance = random.Random(seed)
    events = history(chance)
    starts = [None, date(2024, 10, 2), date(2024, 10, 3)]
    then, now = (chance.choice(starts), chance.choice(starts)) if seed % 2 else (None, None)
    await reporting.hear(
        opened(),
        target("campaign", 9, 1, counting_from=then, known_at=at(1, 0)),
        target("campaign", 9, 2, counting_from=now, known_at=at(20)),
        *events,
    )
    for day in (2, 4, 6):
        as_of = date(2024, 10, day)
        known_at = end_of(as_of, opened().zone and reporting_zone())
        wanted = late_of(events, as_of, known_at, then, now)
        pages: list[Any] = []
        answer: Any = {}
        for offset in range(0, len(wanted) + 1, 3):
            answer = await reporting.get("/late", as_of=str(as_of), limit=3, offset=offset)
            assert len(answer["rows"]) <= 3
            pages += answer["rows"]
        told = [
            (date.fromisoformat(r["recorded_on"]), datetime.fromisoformat(r["known_at"]), r["change"], r["cause"],
             r["group"], r["group_before"])
            for r in pages
        ]  # fmt: skip
        assert told == wanted
        changes = Counter(row[2] for row in wanted)
        assert {name: answer[name] for name in ("added", "removed", "moved")} == {
            name: changes[name] for name in ("added", "removed", "moved")
        }
        causes = Counter((row[2], row[3]) for row in wanted)
        assert {(c["change"], c["cause"]): c["persons"] for c in answer["causes"]} == causes
        now_counts = (await reporting.get("/coverage", as_of=str(as_of)))["total"]["recorded"]
        assert answer["recorded_now"] == now_counts
        assert answer["recorded_then"] == now_counts - changes["added"] + changes["removed"]


def reporting_zone() -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(opened().zone)


async def test_late_of_a_new_campaign_beside_a_large_one_needs_no_statistics(
    reporting: Reporting, migrated: Database
) -> None:
    """PostgreSQL knows the large one alone: a plan made for one row would compare everybody with everybody."""
    owner = await asyncpg.connect(migrated.owner_url)
    try:
        for table in ("recording_revision", "recording_current"):
            await owner.execute(f"ALTER TABLE reporting.{table} SET (autovacuum_enabled = false)")
        await owner.execute(LARGE, "besar-2024", 60_000)
        await owner.execute(CURRENT, "besar-2024")
        await owner.execute("ANALYZE")
        await reporting.hear(opened())
        await owner.execute(LARGE, CAMPAIGN, 3_000)
        await owner.execute(CURRENT, CAMPAIGN)
        answer = await reporting.get("/late", as_of="2024-10-20", known_at="2024-10-01T07:20:00+07:00", limit=0)
        assert answer["added"] + answer["removed"] > 0
        looked_at = await discarded(reporting)
    finally:
        await owner.close()
    assert looked_at < 100_000, "rows that were read to be thrown away"


async def discarded(reporting: Reporting) -> int:
    """How many rows the plan of `/late` reads to throw them away."""
    from reporting.questions.late import LATE

    async with reporting.pool.acquire() as tx:
        (plan,) = await tx.fetchrow(
            f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {LATE}",
            CAMPAIGN, at(1, 7, 20), date(2024, 10, 20), None, None, 0, 0,
        )  # fmt: skip
    nodes, total = [json.loads(plan)[0]["Plan"]], 0
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        thrown = sum(node.get(name, 0) for name in ("Rows Removed by Filter", "Rows Removed by Join Filter"))
        total += thrown * node["Actual Loops"]
    return int(total)


@asynccontextmanager
async def slow(database: Database) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Holds the versions of persons, so that whoever asks for them waits, until the block ends."""
    owner = await asyncpg.connect(database.owner_url)
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE reporting.recording_revision IN ACCESS EXCLUSIVE MODE")
            yield owner
    finally:
        await owner.close()


async def test_dear_questions_wait_for_each_other_or_are_told_so_and_cheap_ones_go_on(migrated: Database) -> None:
    app = build(reporting_settings(migrated))
    transport = httpx.ASGITransport(app.http)
    async with app, httpx.AsyncClient(transport=transport, base_url="http://reporting", timeout=60) as http:
        reporting = Reporting(app, http, app.pools[1])
        await reporting.hear(opened(), recording(1), target("campaign", 3))
        asked = ("late", "coverage?known_at=2024-10-03T10:00:00Z")
        dear = [*(f"{URL}/{question}" for question in asked), f"/campaigns/{CAMPAIGN}?as_of=2024-10-01"]
        async with slow(migrated):
            asking = [asyncio.create_task(http.get(path)) for path in dear * 12]
            answered = [await http.get(f"{URL}/coverage") for _ in range(3)]
            assert [answer.status_code for answer in answered] == [200] * 3, "what is cheap is answered meanwhile"
            told = await first(asking)
            assert (told.status_code, told.json()["type"]) == (429, "/problems/busy")
            assert int(told.headers["retry-after"]) > 0
        statuses = {(await each).status_code for each in asking}
        assert statuses == {200, 429}


async def first(asking: list[asyncio.Task[httpx.Response]]) -> httpx.Response:
    """The first that is answered."""
    done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED, timeout=60)
    return done.pop().result()


async def test_busy_is_not_away(migrated: Database) -> None:
    """Every connection is in use and the database is well: nobody is told that it does not answer."""
    app = build(reporting_settings(migrated, database_pool_size=2))
    transport = httpx.ASGITransport(app.http)
    async with app, httpx.AsyncClient(transport=transport, base_url="http://reporting", timeout=60) as http:
        async with app.pools[0].acquire(), app.pools[0].acquire():
            answer = await http.get(f"{URL}/coverage")
        assert (answer.status_code, answer.json()["type"]) == (429, "/problems/busy")


async def test_busy_is_ready(migrated: Database) -> None:
    """The probe asks on a connection of its own."""
    app = build(reporting_settings(migrated, database_pool_size=2))
    async with app:
        probes = [part for part in app.of(["api"]) if part.name == "database"]
        async with app.pools[0].acquire(), app.pools[0].acquire():
            probing = [asyncio.create_task(probe.run()) for probe in probes]
            try:
                async with asyncio.timeout(60):
                    for probe in probes:
                        while not probe.asked:  # type: ignore[attr-defined]
                            await asyncio.sleep(0.02)
                assert [probe.problems() for probe in probes] == [[]] * len(probes)
            finally:
                for task in probing:
                    task.cancel()
                await asyncio.gather(*probing, return_exceptions=True)
