"""What comes in by the office's door: the same rules as everywhere, and what was read goes back in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.enrollment.world import LIVE, SCHOOL, STATEMENT, TARGET, URL, World, is_problem

SCHOOLS = [{**SCHOOL, "npsn": f"2059990{number}", "name": f"SMK Contoh {number}"} for number in range(3)]


@pytest.fixture
async def listed(world: World) -> dict[str, Any]:
    """The list of schools as it is read."""
    await world.open(clock="live")
    assert (await world.http.post(f"{URL}/schools:batch", json={"schools": SCHOOLS})).status_code == 200
    answer: dict[str, Any] = (await world.http.get(f"{URL}/schools")).json()
    return answer


async def test_the_list_of_schools_goes_back_as_it_is(world: World, listed: dict[str, Any]) -> None:
    again = await world.http.post(f"{URL}/schools:batch", json=listed)
    assert (again.status_code, again.json()) == (200, listed), "nothing new is said"
    listed["schools"][1]["name"] = "SMK Contoh Satu"
    changed = (await world.http.post(f"{URL}/schools:batch", json=listed)).json()["schools"]
    assert [(school["revision"], school["name"]) for school in changed] == [
        (1, "SMK Contoh 0"), (2, "SMK Contoh Satu"), (1, "SMK Contoh 2"),
    ]  # fmt: skip


async def test_a_list_that_is_old_by_now_changes_nothing(world: World, listed: dict[str, Any]) -> None:
    path = f"{URL}/schools/{SCHOOLS[2]['npsn']}"
    assert (await world.http.put(path, json={**SCHOOL, "name": "Baru"})).status_code == 200
    before = (await world.http.get(f"{URL}/schools")).json()
    stale = await world.http.post(f"{URL}/schools:batch", json=listed)
    is_problem(stale, 412, "stale-revision", "#/schools/2/revision")
    assert (await world.http.get(f"{URL}/schools")).json() == before


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"campaign": "elsewhere-2024"}, "#/schools/1/campaign"),
        ({"known_at": "2024-10-01T09:00:00+07:00"}, "#/schools/1/known_at"),
        ({"revision": None, "known_at": "2024-10-01T09:00:00+07:00"}, "#/schools/1/known_at"),
    ],
)
async def test_what_an_item_repeats_must_be_the_same(
    world: World, listed: dict[str, Any], changes: dict[str, Any], pointer: str
) -> None:
    listed["schools"][1] |= changes
    is_problem(await world.http.post(f"{URL}/schools:batch", json=listed), 422, "invalid-request", pointer)


async def test_the_campaigns_are_listed(world: World) -> None:
    assert (await world.http.get("/v1/campaigns")).json() == {"campaigns": []}
    await world.open()
    await world.open("batu-2024", name="Pilkada Kota Batu")
    await world.http.put("/v1/campaigns/batu-2024", json={**LIVE, "clock": "replay", "name": "Kota Batu"})
    campaigns = (await world.http.get("/v1/campaigns")).json()["campaigns"]
    assert [(each["campaign"], each["name"], each["revision"]) for each in campaigns] == [
        ("batu-2024", "Kota Batu", 2), ("malang-2024", "Pilkada Kota Malang 2024", 1),
    ]  # fmt: skip


async def test_schools_whose_number_begins_with_p_and_kinds_of_two_words_are_listed_and_counted(world: World) -> None:
    await world.open()
    for npsn, kind in (("P9999001", "PKBM"), ("20599905", "SPK SMA")):
        answer = await world.http.put(f"{URL}/schools/{npsn}", json={**SCHOOL, "school_kind": kind})
        assert (answer.status_code, answer.json()["npsn"], answer.json()["school_kind"]) == (201, npsn, kind)
    target = {**TARGET, "scope": "npsn:P9999001"}
    assert (await world.http.post(f"{URL}/targets", json=target)).status_code == 201
    counter = await world.counter()
    message = counter.submission(group="npsn:P9999001")
    assert await world.handle(message) == []
    assert (await world.person(message))["group"] == "npsn:P9999001"
    for npsn in ("9999001", "p9999001"):
        is_problem(await world.http.put(f"{URL}/schools/{npsn}", json=SCHOOL), 422, "invalid-request")


@pytest.mark.parametrize("zone", ["Etc/GMT+7", "UTC", "GMT"])
async def test_a_zone_without_a_place_is_refused_with_the_reason(world: World, zone: str) -> None:
    answer = await world.http.put("/v1/campaigns/kota-zona", json={**LIVE, "zone": zone})
    is_problem(answer, 422, "invalid-request", "#/zone")
    assert "zone of a place" in answer.json()["errors"][0]["detail"]


WRONG: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("PUT", "", {**LIVE, "voting_day": "9999-12-31"}, "#/voting_day", "between 1970-01-01 and 2200-01-01"),
    ("PUT", "", {**LIVE, "opens_on": "0001-01-01"}, "#/opens_on", "between 1970-01-01 and 2200-01-01"),
    ("PUT", "", {**LIVE, "name": "Pilkada\u2028Malang"}, "#/name", "a line separator (U+2028) at place 8"),
    ("POST", "/targets", {**TARGET, "effective_from": "0001-01-01"}, "#/effective_from", "between 1970-01-01"),
    ("POST", "/targets", {**TARGET, "effective_from": "9999-12-31"}, "#/effective_from", "between 1970-01-01"),
    ("POST", "/targets", {**TARGET, "effective_from": "2024\u201109\u201119"}, "#/effective_from", "hyphen"),
    ("POST", "/targets", {**TARGET, "reason": "3573 9901 0107 0001"}, "#/reason", "can be a NIK"),
    ("POST", "/statements", {**STATEMENT, "as_of": "9999-12-31"}, "#/as_of", "between 1970-01-01"),
    ("POST", "/statements", {**STATEMENT, "stated_by": "Dinas\x85"}, "#/stated_by", "a line break (U+0085)"),
    ("PUT", "/schools/20599901", {**SCHOOL, "name": "３５７３９９０１０１０７０００１"}, "#/name", "can be a NIK"),
    ("PUT", "/schools/20599901", {**SCHOOL, "kecamatan": "Klo\njen"}, "#/kecamatan", "a line break at place 4"),
    ("PUT", "/schools/20599901", {**SCHOOL, "npsn": "20599901\u200b"}, "#/npsn", "(U+200B) at place 9"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "pointer", "said"), WRONG)
async def test_a_value_that_cannot_be_is_refused_and_why_is_said(
    world: World, method: str, path: str, body: dict[str, Any], pointer: str, said: str
) -> None:
    if path:
        await world.open(clock="live")
    answer = await world.http.request(method, f"{URL}{path}", json=body)
    is_problem(answer, 422, "invalid-request", pointer)
    assert said in answer.json()["errors"][0]["detail"]
    assert "3573 9901" not in answer.text
