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
HELD = str(UUID(int=8, version=5))
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
    await insert(
        tx, "enrollment.decision", **SAID, submission_id=HELD, device_id="mpp-1", device_seq=2, outcome="held",
        reason="under_age", device_position=4,
    )  # fmt: skip
    await submitted(tx, ID, held=None)
    await submitted(tx, HELD, held="under_age")
    for number, operation in enumerate(("void", "restore", "void"), 1):
        await insert(
            tx, "enrollment.operation", campaign="kota-contoh", person_id=ID, number=number, operation=operation,
            submission_id=ID, reason="salah", known_at=KNOWN_AT,
        )  # fmt: skip


async def submitted(tx: asyncpg.Connection, submission_id: str, held: str | None) -> None:
    """A submission of the one person."""
    await insert(
        tx, "enrollment.submission", campaign="kota-contoh", submission_id=submission_id, content_sha256="x",
        device_id="mpp-1", device_seq=1, kind="mpp", place="MPP", family_card="true", birth_certificate="true", kid="k",
        recorded_at=KNOWN_AT, recorded_on="2024-10-02", received_at=KNOWN_AT, held=held,
    )  # fmt: skip
    await insert(tx, "enrollment.person_submission", campaign="kota-contoh", submission_id=submission_id, person_id=ID)


async def test_every_fact_of_before_is_what_it_was(database: Database, tmp_path: Path) -> None:
    await make_before(database.owner_url, MIGRATIONS, tmp_path)
    owner = await asyncpg.connect(database.owner_url)
    await fill(owner)
    await owner.close()

    later = [f"enrollment/{file.name}" for file in sorted(MIGRATIONS[-1].dir.glob("*.sql"))[1:]]
    assert await migrate(database.owner_url, MIGRATIONS) == later

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
    person = (await persons.load(tx, {("kota-contoh", ID)}))["kota-contoh", ID].person
    assert [(one, submission.voided) for one, submission in person.submissions.items()] == [(ID, True)]
    ((position, decided), _) = await decisions.after(tx, "mpp-1", 2, 10)
    assert (position, decided.outcome, decided.reason) == (3, "rejected", "voided")
    # What is published again is in UTC, as it was the first time.
    assert b'"known_at":"2024-10-01T17:30:00.000005Z"' in encode(campaign, "enrollment").value
    for table in PUBLISHES:
        for fact in await table.every(tx, "kota-contoh"):
            assert await table.unknown(tx, [fact]) == []
    await tx.close()


async def test_what_a_program_of_before_adds_is_complete(database: Database, tmp_path: Path) -> None:
    """It may still run while the new one does: whose submissions they are, and what the office did."""
    await make_before(database.owner_url, MIGRATIONS, tmp_path)
    owner = await asyncpg.connect(database.owner_url)
    await fill(owner)
    await migrate(database.owner_url, MIGRATIONS)
    tx, key, another = await asyncpg.connect(database.url), ("kota-contoh", ID), str(UUID(int=9, version=5))
    assert await persons.first_standing(tx, key, besides=another) is None  # one is voided, one is held
    await submitted(tx, another, held=None)
    assert await persons.first_standing(tx, key, besides=ID) == another
    for number, operation in ((4, "restore"), (5, "void"), (6, "restore")):
        await insert(
            tx, "enrollment.operation", campaign="kota-contoh", person_id=ID, number=number, operation=operation,
            submission_id=ID, reason="salah", known_at=KNOWN_AT,
        )  # fmt: skip
        assert await persons.last_voided(tx, key) == (ID if operation == "void" else None)
    assert await persons.first_standing(tx, key, besides=HELD) == ID
    assert [row.submission_id for row, _ in await persons.page(tx, key, None, 9)] == [ID, HELD]
    await tx.close()
    await owner.close()
