"""A database of before, with rows in it, is migrated: every fact is what it was, under the revision that it had."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg

from chassis.migrate import migrate
from contracts.envelope import encode
from contracts.recordings import RecordingVoided
from enrollment.app import MIGRATIONS, PUBLISHES
from enrollment.campaigns.store import CAMPAIGNS
from enrollment.devices import decisions
from enrollment.persons import store as persons
from enrollment.schools.store import SCHOOLS
from enrollment.targets.store import STATEMENTS, TARGETS
from stack.postgres import Database
from tests.before import insert, make_before

KNOWN_AT = datetime(2024, 10, 1, 17, 30, 0, 5, tzinfo=UTC)
ID = str(UUID(int=7, version=5))
SAID = {"campaign": "kota-contoh", "revision": 1, "known_at": KNOWN_AT}


async def fill(tx: asyncpg.Connection) -> None:
    """A row of each kind, as that program wrote it."""
    await tx.execute("SET timezone = 'Asia/Jakarta'")
    await insert(
        tx, "enrollment.campaign_revision", **SAID, name="Kota Contoh", region_code="35.73", zone="Asia/Jakarta",
        opens_on="2024-09-19", voting_day="2024-11-27", clock="live", kinds="{mpp,office}",
    )  # fmt: skip
    school = {"name": "SMA Contoh", "school_kind": "SMA", "ownership": "public", "kecamatan": "Klojen"}
    await insert(tx, "enrollment.school_revision", **SAID, npsn="20599901", **school, latitude=-7.97, invented="false")
    await insert(
        tx, "enrollment.statement_revision", **SAID, statement_id=ID, scope="campaign", population="pemilih pemula",
        measure="expected", value=5554, as_of="2024-11-08", stated_on="2024-11-09", stated_by="Dinas", source="rilis",
        supersedes="{}", withdrawn="false",
    )  # fmt: skip
    for revision in (1, 2):
        await insert(
            tx, "enrollment.target_revision", **{**SAID, "revision": revision}, scope="campaign", value=revision * 100,
            effective_from="2024-09-19", based_on=f"{{{ID}}}", split="stated", reason="rapat", withdrawn="false",
        )  # fmt: skip
    await insert(
        tx, "enrollment.person_revision", **SAID, person_id=ID, type=RecordingVoided.type, cause="voided",
        counts="false", group="npsn:20599901", kind="mpp", recorded_at=KNOWN_AT, recorded_on="2024-10-02",
        received_at=KNOWN_AT, submission_id=ID,
    )  # fmt: skip
    await insert(
        tx, "enrollment.decision", **SAID, submission_id=ID, device_id="mpp-1", device_seq=1, outcome="rejected",
        reason="voided", device_position=3,
    )  # fmt: skip


async def test_every_fact_of_before_is_what_it_was(database: Database, tmp_path: Path) -> None:
    await make_before(database.owner_url, MIGRATIONS, tmp_path)
    owner = await asyncpg.connect(database.owner_url)
    await fill(owner)
    await owner.close()

    assert await migrate(database.owner_url, MIGRATIONS) == ["enrollment/0002_one_kind_of_fact_table.sql"]

    tx = await asyncpg.connect(database.url)
    campaign = await CAMPAIGNS.last(tx, "kota-contoh", "kota-contoh")
    assert campaign is not None
    assert (campaign.known_at, campaign.kinds, campaign.zone) == (KNOWN_AT, ["mpp", "office"], "Asia/Jakarta")
    (school,) = await SCHOOLS.newest(tx, "kota-contoh")
    assert (school.npsn, school.latitude, school.longitude) == ("20599901", -7.97, None)
    (statement,) = await STATEMENTS.every(tx, "kota-contoh")
    assert (statement.statement_id, statement.value) == (ID, 5554)
    assert [(target.revision, target.value) for target in await TARGETS.every(tx, "kota-contoh")] == [
        (1, 100),
        (2, 200),
    ]
    last = await persons.PERSONS.last(tx, "kota-contoh", ID)
    assert last is not None
    assert (type(last), last.recorded_at) == (RecordingVoided, KNOWN_AT)
    state = (await persons.load(tx, {("kota-contoh", ID)}))["kota-contoh", ID].state
    assert state is not None
    assert (state.submission_id, state.counts) == (ID, False)
    ((position, decided),) = await decisions.after(tx, "mpp-1", 2, 10)
    assert (position, decided.outcome, decided.reason) == (3, "rejected", "voided")
    # What is published again is in UTC, as it was the first time.
    assert b'"known_at":"2024-10-01T17:30:00.000005Z"' in encode(campaign, "enrollment").value
    for table in PUBLISHES:
        for fact in await table.every(tx, "kota-contoh"):
            assert await table.knows(tx, fact)
    await tx.close()
