"""What was read is edited and sent back: it changes what was edited, and nothing when that has changed meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.enrollment.world import SCHOOL, STATEMENT, TARGET, URL, World, at, is_problem

NPSN = "20533456"
KNOWN_AT = at(1).isoformat()


@pytest.fixture(params=["live", "replay"])
async def clock(request: pytest.FixtureRequest, world: World) -> str:
    """The clock of the campaign that is open."""
    name: str = request.param
    await world.open(clock=name)
    return name


def when(clock: str) -> dict[str, str]:
    return {"known_at": KNOWN_AT} if clock == "replay" else {}


async def edited(world: World, method: str, url: str, read: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What was read is sent back with a change, which is its next revision; sent again it is stale."""
    answer = await world.http.request(method, url, json=read | changes)
    assert answer.status_code in (200, 201), answer.text
    now: dict[str, Any] = answer.json()
    assert now == {**read, **changes, "revision": read["revision"] + 1, "known_at": now["known_at"]}
    is_problem(await world.http.request(method, url, json=read | changes), 412, "stale-revision")
    return now


async def test_a_campaign(world: World, clock: str) -> None:
    await edited(world, "PUT", URL, (await world.http.get(URL)).json(), name="Another name")


async def test_a_school(world: World, clock: str) -> None:
    url = f"{URL}/schools/{NPSN}"
    assert (await world.http.put(url, json=SCHOOL | when(clock))).status_code == 201
    now = await edited(world, "PUT", url, (await world.http.get(url)).json(), kecamatan="Klojen")
    again = await world.http.put(url, json=now)
    assert (again.status_code, again.json()) == (200, now)


async def test_a_statement_and_a_target(world: World, clock: str) -> None:
    for kind, body in (("statements", STATEMENT), ("targets", TARGET)):
        assert (await world.http.post(f"{URL}/{kind}", json=body | when(clock))).status_code == 201
        [read] = (await world.http.get(f"{URL}/{kind}")).json()[kind]
        await edited(world, "POST", f"{URL}/{kind}", read, value=1)


async def test_a_void_with_the_revision_in_its_body(world: World, clock: str) -> None:
    counter = await world.counter()
    message = counter.submission(birth_date="2000-01-01")
    await world.handle(message)
    url = f"{URL}/recordings/{await world.person_id(message)}/void"
    body = {"reason": "x", **when(clock)}
    is_problem(await world.http.post(url, json={**body, "revision": 2}), 412, "stale-revision")
    both = {"json": {**body, "revision": 1}, "headers": {"If-Match": '"2"'}}
    is_problem(await world.http.post(url, **both), 422, "invalid-request", "#/revision")
    assert (await world.http.post(url, json={**body, "revision": 1})).json()["counts"] is False


async def test_without_known_at_the_clock_decides_in_a_replayed_campaign_too(world: World) -> None:
    before = await world.pool.fetchval("SELECT clock_timestamp()")
    await world.open(known_at=None)
    counter = await world.counter()
    message = counter.submission()
    await world.handle(message)
    assert (await world.http.put(f"{URL}/schools/{NPSN}", json=SCHOOL)).status_code == 201
    for kind, body in (("statements", STATEMENT), ("targets", TARGET)):
        assert (await world.http.post(f"{URL}/{kind}", json=body)).status_code == 201
    assert (await world.office("void", message)).status_code == 200
    moments = [event.known_at for event in await world.published()]
    assert len(moments) == 8
    assert moments == sorted(moments) and before < moments[0] and moments[-1] < datetime.now(UTC)
    late = await world.office("restore", message, known_at=at(5))
    assert datetime.fromisoformat(late.json()["known_at"]) > moments[-1]


async def test_an_instant_of_ones_own_is_refused_by_every_command_to_a_live_campaign(world: World) -> None:
    await world.open(clock="live")
    counter = await world.counter()
    message = counter.submission(birth_date="2000-01-01")
    await world.handle(message)
    campaign = (await world.http.get(URL)).json()
    person = f"{URL}/recordings/{await world.person_id(message)}"
    for method, url, body in [
        ("PUT", URL, campaign),
        ("PUT", f"{URL}/schools/{NPSN}", SCHOOL),
        ("POST", f"{URL}/schools:batch", {"schools": [{"npsn": NPSN, **SCHOOL}]}),
        ("POST", f"{URL}/statements", STATEMENT),
        ("POST", f"{URL}/targets", TARGET),
        ("POST", f"{person}/void", {"reason": "x"}),
        ("POST", f"{person}/restore", {"reason": "x"}),
        ("POST", f"{person}/reattribute", {"reason": "x", "group": "outside"}),
    ]:
        answer = await world.http.request(method, url, json={**body, "known_at": KNOWN_AT})
        is_problem(answer, 422, "invalid-request", "#/known_at")
    assert (await world.http.put(URL, json=campaign)).status_code == 200
