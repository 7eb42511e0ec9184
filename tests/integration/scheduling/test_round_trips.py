"""What was read is edited and sent back: it changes what was edited, and nothing when that has changed meanwhile."""

from typing import Any

import pytest

from tests.integration.scheduling.conftest import KNOWN_AT, LIVE, NPSN, REPLAYED, Scheduling, listed, opened, visit


@pytest.fixture(params=[REPLAYED, LIVE])
async def campaign(request: pytest.FixtureRequest, empty: Scheduling) -> str:
    """A campaign with a set and a school, replayed or live."""
    name: str = request.param
    assert await empty.hear(opened(name), listed(NPSN[0], name)) == []
    await empty.put_sets("set-1", campaign=name)
    return name


async def scheduled(empty: Scheduling, campaign: str) -> Any:
    body = visit() if campaign == REPLAYED else visit(known_at=None, day="2098-01-01")
    made = await empty.ask("POST", "/visits", body, campaign)
    assert made.status_code == 201, made.text
    return made.json()


async def test_a_set(empty: Scheduling, campaign: str) -> None:
    [read] = (await empty.ask("GET", "/sets", campaign=campaign)).json()["sets"]
    changed = await empty.ask("PUT", "/sets/set-1", {**read, "label": "Satu"}, campaign)
    assert (changed.status_code, changed.json()["revision"], changed.json()["label"]) == (200, 2, "Satu")
    stale = await empty.ask("PUT", "/sets/set-1", {**read, "label": "Dua"}, campaign)
    assert (stale.status_code, stale.json()["current"]) == (412, 2)
    again = await empty.ask("PUT", "/sets/set-1", changed.json(), campaign)
    assert (again.status_code, again.json()) == (200, changed.json())


async def test_a_visit(empty: Scheduling, campaign: str) -> None:
    made = await scheduled(empty, campaign)
    path = f"/visits/{made['visit_id']}"
    read = (await empty.ask("GET", path, campaign=campaign)).json()
    changed = await empty.ask("PATCH", path, {**read, "place": "Aula", "expected": 40}, campaign)
    assert (changed.status_code, changed.json()["revision"]) == (200, 2)
    assert changed.json() == {
        **read,
        "revision": 2,
        "known_at": changed.json()["known_at"],
        "place": "Aula",
        "expected": 40,
    }
    assert (await empty.ask("PATCH", path, {**read, "place": "Lapangan"}, campaign)).status_code == 412
    again = await empty.ask("PATCH", path, changed.json(), campaign)
    assert (again.status_code, again.json()) == (200, changed.json())
    without = await empty.ask("PATCH", path, {**changed.json(), "expected": None, "kind": None}, campaign)
    assert "expected" not in without.json() and without.json()["kind"] == read["kind"]


async def test_the_revision_in_a_body_is_that_of_every_command(scheduling: Scheduling) -> None:
    made = await scheduling.scheduled()
    path = f"/visits/{made['visit_id']}"
    await scheduling.ask("PATCH", path, {"known_at": KNOWN_AT, "place": "Aula"})
    later = {"known_at": "2024-11-12T15:00:00+07:00", "visit_id": made["visit_id"], "campaign": REPLAYED}
    for verb, body in {"cancel": {"reason": "Hujan"}, "complete": {}}.items():
        stale = await scheduling.ask("POST", f"{path}/{verb}", {**later, **body, "revision": 1})
        assert stale.status_code == 412, verb
        differ = await scheduling.ask("POST", f"{path}/{verb}", {**later, **body, "revision": 2}, if_match='"1"')
        assert [error["pointer"] for error in differ.json()["errors"]] == ["#/revision"], verb
    assert (
        await scheduling.ask("POST", f"{path}/complete", {**later, "revision": 2}, if_match='"2"')
    ).status_code == 200
    assert (await scheduling.schedule(revision=1)).status_code == 412


async def test_what_is_repeated_of_the_address_must_be_the_same(scheduling: Scheduling) -> None:
    made = await scheduling.scheduled()
    path, at = f"/visits/{made['visit_id']}", {"known_at": KNOWN_AT}
    other = made["visit_id"][:-1] + ("0" if made["visit_id"][-1] != "0" else "1")
    for method, to, body, pointer in [
        ("PUT", "/sets/set-1", {"campaign": "lain-2024"}, "#/campaign"),
        ("PUT", "/sets/set-1", {"set_id": "set-2"}, "#/set_id"),
        ("POST", "/visits", visit(campaign="lain-2024"), "#/campaign"),
        ("PATCH", path, {"visit_id": other}, "#/visit_id"),
        ("PATCH", path, {"status": "completed"}, "#/status"),
        ("POST", f"{path}/cancel", {"visit_id": other, "reason": "Hujan"}, "#/visit_id"),
        ("POST", f"{path}/complete", {"visit_id": other}, "#/visit_id"),
    ]:
        answer = await scheduling.ask(method, to, at | body)
        assert answer.status_code == 422, answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await scheduling.ask("GET", path)).json() == made


async def test_an_instant_of_ones_own_is_refused_by_every_command_to_a_live_campaign(empty: Scheduling) -> None:
    assert await empty.hear(opened(LIVE), listed(NPSN[0], LIVE)) == []
    await empty.put_sets("set-1", campaign=LIVE)
    made = await scheduled(empty, LIVE)
    path = f"/visits/{made['visit_id']}"
    for method, to, body in [
        ("PUT", "/sets/set-2", {}),
        ("PUT", "/sets/set-1", {"revision": 1}),
        ("POST", "/visits", visit(day="2098-01-02")),
        ("PATCH", path, {"revision": 1, "place": "Aula"}),
        ("POST", f"{path}/cancel", {"reason": "Hujan"}),
        ("POST", f"{path}/complete", {}),
    ]:
        answer = await empty.ask(method, to, {**body, "known_at": KNOWN_AT}, LIVE)
        assert answer.status_code == 422, answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == ["#/known_at"]
