"""Who decided what: in every event as a pseudonym, and in a trail that nobody changes unnoticed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from chassis import audit
from contracts.recordings import RecordingVoided
from enrollment.app import build
from enrollment.settings import Settings
from tests.integration.enrollment.test_process import environment, run
from tests.integration.enrollment.world import REPLAYED, SCHOOL, TARGET, URL, World, entered
from tests.issuer import LocalIssuer

KNOWN_AT = {"known_at": REPLAYED["known_at"]}


@pytest.fixture
async def guarded(enrollment_settings: Settings, issuer: LocalIssuer) -> AsyncIterator[World]:
    """Asked by an administrator unless a request says otherwise."""
    settings = enrollment_settings.model_copy(update={"oidc_issuer": issuer.url})
    async with entered(build(settings), settings) as made:
        made.http.headers.update(issuer.bearer("administrator"))
        await made.open()
        yield made


async def trail(world: World, **query: Any) -> dict[str, Any]:
    answer = await world.http.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


async def test_every_event_of_a_command_says_who_decided_it(guarded: World, issuer: LocalIssuer) -> None:
    counter = await guarded.counter()
    message = counter.submission()
    assert await guarded.handle(message) == []
    assert (await guarded.http.put(f"{URL}/schools/20533456", json=SCHOOL | KNOWN_AT)).status_code == 201
    person = await guarded.person_id(message)
    void = await guarded.http.post(
        f"{URL}/recordings/{person}/void", json={"reason": "x"} | KNOWN_AT, headers=issuer.bearer("reviewer")
    )
    assert void.status_code == 200, void.text
    events = await guarded.published()
    decided = {event.type.split(".")[1]: event.decided_by for event in events}
    administrator, reviewer = decided["campaign-opened"], decided["recording-voided"]
    assert administrator and reviewer and administrator != reviewer
    assert decided["school-listed"] == administrator
    assert decided["recording-completed"] is None, "nobody decides what a counter sends"
    assert {event.decided_by for event in events if isinstance(event, RecordingVoided)} == {reviewer}
    kept = await guarded.owner.fetchval("SELECT data ->> 'decided_by' FROM enrollment.school_revision")
    assert kept == administrator
    outbox = str(await guarded.pool.fetch("SELECT value FROM exactly_once.outbox"))
    assert "lokal" not in outbox and "local-administrator" not in outbox


async def test_what_was_decided_by_somebody_is_edited_and_sent_back_by_another(
    guarded: World, issuer: LocalIssuer
) -> None:
    url, another = f"{URL}/schools/20533456", issuer.bearer("administrator", sub="another", name="Another")
    first = (await guarded.http.put(url, json=SCHOOL | KNOWN_AT)).json()
    read = (await guarded.http.get(url)).json()
    assert read == first and read["decided_by"]
    same = await guarded.http.put(url, json=read, headers=another)
    assert (same.status_code, same.json()) == (200, read), "who says the same again has decided nothing"
    changed = (await guarded.http.put(url, json=read | {"kecamatan": "Klojen"}, headers=another)).json()
    assert changed["revision"] == 2 and changed["decided_by"] != read["decided_by"]


async def test_the_trail_says_who_did_what(guarded: World, issuer: LocalIssuer) -> None:
    key = {"Idempotency-Key": "once"}
    for _ in range(2):
        posted = await guarded.http.post(f"{URL}/targets", json=TARGET | KNOWN_AT, headers=key)
        assert posted.status_code == 201
    refused = await guarded.http.put(URL, json=REPLAYED | {"zone": "Nowhere"})
    assert refused.status_code == 422
    read = await trail(guarded)
    assert [(entry["seq"], entry["act"], entry["status"]) for entry in read["entries"]] == [
        (1, "PUT /v1/campaigns/{campaign}", 201),
        (2, "POST /v1/campaigns/{campaign}/targets", 201),
    ]
    entry = read["entries"][1]
    assert (entry["name"], entry["roles"], entry["campaign"]) == (
        "Administrator (lokal)", ["administrator"], "malang-2024",
    )  # fmt: skip
    assert entry["address"] == f"{URL}/targets"
    assert entry["decided_by"] == (await guarded.published("target"))[0].decided_by
    assert read["broken_at"] is None
    assert (await trail(guarded))["entries"][2]["act"] == "GET /v1/audit", "who reads it is in it"
    page = await trail(guarded, after=1, limit=2)
    assert ([entry["seq"] for entry in page["entries"]], page["next"]) == ([2, 3], 3)
    assert "lokal" not in str(await guarded.owner.fetch("SELECT entry FROM chassis.audit"))
    elsewhere = issuer.bearer("auditor", jb_campaigns=["batu-2024"])
    assert (await guarded.http.get("/v1/audit", headers=elsewhere)).json()["entries"] == []
    head = await guarded.http.get("/v1/audit", headers=issuer.bearer("head"))
    assert (head.status_code, head.json()["roles"]) == (403, ["administrator", "auditor"])


async def test_the_chain_is_one_when_many_decide_at_once(guarded: World) -> None:
    async def put(number: int) -> int:
        return (await guarded.http.put(f"{URL}/schools/205334{number:02}", json=SCHOOL | KNOWN_AT)).status_code

    assert await asyncio.gather(*map(put, range(20))) == [201] * 20
    async with guarded.pool.acquire() as tx:
        assert await tx.fetchval("SELECT count(*) FROM chassis.audit") == 21
        assert await audit.broken_at(tx) is None


async def test_nothing_in_it_can_be_changed_unnoticed(guarded: World) -> None:
    for number in range(4):
        await guarded.http.put(f"{URL}/schools/2053345{number}", json=SCHOOL | KNOWN_AT)
    for statement in (
        "UPDATE chassis.audit SET entry = '{}' WHERE seq = 2",
        "DELETE FROM chassis.audit WHERE seq = 5",
        "TRUNCATE chassis.audit",
    ):
        for connection in (guarded.pool, guarded.owner):
            with pytest.raises((asyncpg.RaiseError, asyncpg.InsufficientPrivilegeError)):
                await connection.execute(statement)
    env = environment(guarded.settings)
    whole = await asyncio.to_thread(run, env, "audit")
    assert (whole.returncode, whole.stdout.startswith("5 entries, all as they were written")) == (0, True), whole.stderr

    # The owner of the database can take the locks off; the chain tells.
    entry = json.loads(await guarded.owner.fetchval("SELECT entry FROM chassis.audit WHERE seq = 3"))
    forged = json.dumps(entry | {"decided_by": "00000000-0000-5000-8000-000000000000"}, sort_keys=True)
    await guarded.owner.execute("ALTER TABLE chassis.audit DISABLE TRIGGER USER")
    await guarded.owner.execute("DELETE FROM chassis.audit WHERE seq = 4")
    assert (await trail(guarded))["broken_at"] == 4
    await guarded.owner.execute("UPDATE chassis.audit SET entry = $1 WHERE seq = 3", forged)
    assert (await trail(guarded))["broken_at"] == 3
    told = await asyncio.to_thread(run, env, "audit")
    assert (told.returncode, told.stdout) == (
        1,
        "Entry 3 is not what was written: it was changed, or one before it is gone.\n",
    )


async def test_a_page_of_it_is_checked_and_nothing_else(guarded: World, issuer: LocalIssuer) -> None:
    """Its cost is that of the page; whoever reads page after page has checked all."""
    for number in range(7):
        await guarded.http.put(f"{URL}/schools/2053345{number}", json=SCHOOL | KNOWN_AT)
    await guarded.owner.execute("ALTER TABLE chassis.audit DISABLE TRIGGER USER")
    await guarded.owner.execute("DELETE FROM chassis.audit WHERE seq IN (3, 4)")
    await guarded.owner.execute("UPDATE chassis.audit SET entry = replace(entry, '201', '200') WHERE seq = 6")

    async def broken(**query: Any) -> int | None:
        number: int | None = (await trail(guarded, **query))["broken_at"]
        return number

    assert [await broken(after=after, limit=2) for after in (0, 2, 5, 6)] == [None, 3, 6, None]
    assert await broken(after=4, limit=1) == 3, "of what is missing before it, the first"
    assert await broken() == 3
    elsewhere = issuer.bearer("auditor", jb_campaigns=["batu-2024"])
    assert (await guarded.http.get("/v1/audit", headers=elsewhere)).json()["broken_at"] is None
    async with guarded.pool.acquire() as tx:
        assert await audit.broken_at(tx) == 3


async def test_a_trail_without_its_beginning(guarded: World) -> None:
    await guarded.http.put(f"{URL}/schools/20533456", json=SCHOOL | KNOWN_AT)
    await guarded.owner.execute("ALTER TABLE chassis.audit DISABLE TRIGGER USER")
    await guarded.owner.execute("DELETE FROM chassis.audit WHERE seq = 1")
    assert (await trail(guarded))["broken_at"] == 1
