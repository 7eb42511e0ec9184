"""A database of before, with rows in it, is migrated: every fact is what it was, under the revision that it had."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg

from chassis.migrate import migrate
from contracts.envelope import encode
from scheduling.app import MIGRATIONS
from scheduling.campaigns.store import CAMPAIGNS, SCHOOLS, locked
from scheduling.sets.store import SETS
from scheduling.visits import store as visits
from scheduling.visits.model import event
from stack.postgres import Database
from tests.before import insert, make_before
from tests.integration.scheduling.conftest import REPLAYED, listed, opened

AT = datetime(2024, 11, 12, 1, tzinfo=UTC)
ID = str(UUID(int=7, version=5))


async def fill(tx: asyncpg.Connection) -> None:
    """A row of each kind, as that program wrote it."""
    await tx.execute("SET timezone = 'Asia/Jakarta'")
    await insert(tx, "campaign", campaign=REPLAYED)
    for table, fact in (("campaign_version", opened()), ("school_version", listed("90000001"))):
        npsn = {"npsn": fact.subject} if table == "school_version" else {}
        said = {"campaign": REPLAYED, "revision": 1, "known_at": fact.known_at, **npsn}
        await insert(tx, table, **said, content_sha256="\\x00", data=fact.model_dump_json())
    said = {"campaign": REPLAYED, "known_at": AT}
    await insert(tx, "set_version", **said, set_id="set-1", revision=1, label=None, in_service="true")
    for revision, (cause, status, reason) in enumerate(
        [("scheduled", "scheduled", None), ("rescheduled", "scheduled", None), ("cancelled", "cancelled", "Hujan")], 1
    ):
        await insert(
            tx, "visit_version", **said, visit_id=ID, revision=revision, cause=cause, status=status, reason=reason,
            kind="school_visit", place="SMK Contoh", day="2024-11-12", starts_at=AT, ends_at=AT.replace(hour=7),
            sets="{set-1}", groups="{npsn:90000001}", missed=json.dumps({"absent": 2}),
        )  # fmt: skip


async def test_every_fact_of_before_is_what_it_was(database: Database, tmp_path: Path) -> None:
    await make_before(database.owner_url, MIGRATIONS, tmp_path)
    owner = await asyncpg.connect(database.owner_url)
    await fill(owner)
    await owner.close()

    assert await migrate(database.owner_url, MIGRATIONS) == ["scheduling/0002_one_kind_of_fact_table.sql"]

    tx = await asyncpg.connect(database.url)
    async with tx.transaction():
        assert await locked(tx, REPLAYED) == opened()
    assert await CAMPAIGNS.newest(tx, REPLAYED) == [opened()]
    assert await SCHOOLS.newest(tx, REPLAYED) == [listed("90000001")]
    (recording_set,) = await SETS.newest(tx, REPLAYED)
    assert (recording_set.set_id, recording_set.label, recording_set.in_service) == ("set-1", None, True)
    causes = []
    for revision in (1, 2, 3):
        visit = await visits.last(tx, REPLAYED, ID, revision)
        assert visit is not None
        causes.append((visit.cause, visit.status, visit.reason))
        assert (visit.plan.starts_at, visit.plan.sets, visit.missed) == (AT, ("set-1",), {"absent": 2})
        assert b'"starts_at":"2024-11-12T01:00:00Z"' in encode(event(visit), "scheduling").value
    assert causes == [
        ("scheduled", "scheduled", None),
        ("rescheduled", "scheduled", None),
        ("cancelled", "cancelled", "Hujan"),
    ]
    await tx.close()
