"""A device registers itself with a one-time code: for an administrator to make, for half an hour, for one device."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from counter import Counter
from counter.errors import NotSetUp
from counter.indonesian import beside
from enrollment.app import build
from enrollment.settings import Settings
from tests.integration.enrollment.world import CAMPAIGN, REPLAYED, World, entered, is_problem
from tests.issuer import LocalIssuer

CODES = "/v1/enrolment-codes"


@pytest.fixture
async def guarded(enrollment_settings: Settings, issuer: LocalIssuer) -> AsyncIterator[World]:
    settings = enrollment_settings.model_copy(update={"oidc_issuer": issuer.url})
    async with entered(build(settings), settings) as made:
        for campaign in (CAMPAIGN, "batu-2024"):
            opened = await made.http.put(
                f"/v1/campaigns/{campaign}", json=REPLAYED, headers=issuer.bearer("administrator")
            )
            assert opened.status_code == 201
        yield made


async def code_for(world: World, issuer: LocalIssuer, campaign: str = CAMPAIGN) -> str:
    answer = await world.http.post(CODES, json={"campaign": campaign}, headers=issuer.bearer("administrator"))
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["code"])


def device(device_id: str, **more: Any) -> dict[str, Any]:
    key = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqo"
    return {"device_id": device_id, "campaign": CAMPAIGN, "kind": "mpp", "place": "MPP", "public_key": key, **more}


async def register(world: World, device_id: str, **more: Any) -> httpx.Response:
    return await world.http.post("/v1/devices", json=device(device_id, **more))


async def test_a_counter_is_set_up_with_a_code_and_no_token(
    guarded: World, issuer: LocalIssuer, tmp_path: Path
) -> None:
    async def init(home: str, code: str | None) -> Counter:
        return await Counter.init(
            tmp_path / home, campaign=CAMPAIGN, enrollment="http://enrollment", kind="mpp", place="MPP", code=code,
            http=guarded.http,
        )  # fmt: skip

    with pytest.raises(NotSetUp, match=r"answered 401: .* give --token, an administrator's, or --code"):
        await init("none", None)
    code = await code_for(guarded, issuer)
    with await init("loket", code) as first:
        known = first.device_id
    with await init("loket", code) as again:  # as after an answer that was lost
        assert again.device_id == known
    with pytest.raises(NotSetUp) as used:
        await init("other", code)
    indonesian, _, english = beside(str(used.value)).partition(" / ")
    assert indonesian.endswith("code: sudah dipakai alat lain: minta kode baru")
    assert english.endswith("422: Some values are not allowed - code: was used by another device: ask for a new one")
    kept = await guarded.owner.fetch("SELECT * FROM enrollment.enrolment_code")
    assert code not in str(kept) and code.replace("-", "") not in str(kept)
    assert code not in "".join(path.read_text(errors="replace") for path in (tmp_path / "loket").rglob("*.json"))


async def test_a_code_that_cannot_be_used_says_why(guarded: World, issuer: LocalIssuer) -> None:
    async def refused(device_id: str, reason: str, **more: Any) -> None:
        answer = await register(guarded, device_id, **more)
        is_problem(answer, 422, "invalid-request", "#/code")
        assert answer.json()["reason"] == reason

    await refused("loket-1", "code_unknown", code="AAAA-BBBB-CCCC")
    foreign = await code_for(guarded, issuer, "batu-2024")
    await refused("loket-1", "code_foreign", code=foreign)
    used = await code_for(guarded, issuer)
    assert (await register(guarded, "loket-1", code=used.lower().replace("-", " "))).status_code == 201
    await refused("loket-2", "code_used", code=used)
    expired = await code_for(guarded, issuer)
    await guarded.owner.execute("UPDATE enrollment.enrolment_code SET ends_at = now() WHERE device_id IS NULL")
    await refused("loket-2", "code_expired", code=expired)
    assert await guarded.owner.fetchval("SELECT count(*) FROM enrollment.device") == 1


async def test_who_registers_and_who_makes_codes(guarded: World, issuer: LocalIssuer) -> None:
    without = await register(guarded, "loket-1")
    is_problem(without, 401, "unauthorized")
    assert without.headers["www-authenticate"] == "Bearer"
    for role, status in {"operator": 403, "administrator": 201}.items():
        answer = await guarded.http.post("/v1/devices", json=device("loket-1"), headers=issuer.bearer(role))
        assert answer.status_code == status, answer.text
    elsewhere = issuer.bearer("administrator", jb_campaigns=["batu-2024"])
    for path, body in {"/v1/devices": device("loket-2"), CODES: {"campaign": CAMPAIGN}}.items():
        assert (await guarded.http.post(path, json=body, headers=elsewhere)).status_code == 403, path
    unknown = await guarded.http.post(CODES, json={"campaign": "nowhere"}, headers=issuer.bearer("administrator"))
    is_problem(unknown, 422, "invalid-request", "#/campaign")
