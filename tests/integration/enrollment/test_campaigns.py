"""The campaign and its schools over HTTP, the happy and the unhappy paths."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.integration.enrollment.audit import audit
from tests.integration.enrollment.world import (
    CAMPAIGN,
    LIVE,
    REPLAYED,
    SCHOOL,
    STATEMENT,
    TARGET,
    URL,
    World,
    is_problem,
)


async def test_a_campaign_is_opened_changed_and_left_as_it_is(world: World) -> None:
    opened = await world.http.put(URL, json=LIVE)
    assert (opened.status_code, opened.headers["etag"], opened.json()["revision"]) == (201, '"1"', 1)
    same = await world.http.put(URL, json=LIVE)
    assert (same.status_code, same.json()) == (200, opened.json())
    changed = await world.http.put(URL, json={**LIVE, "kinds": ["mpp"]}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    stale = await world.http.put(URL, json=LIVE, headers={"If-Match": '"1"'})
    is_problem(stale, 412, "stale-revision")
    assert (await world.http.get(URL)).json() == changed.json()
    events = await world.published("campaign-opened")
    assert [(event.revision, event.kinds) for event in events] == [(1, []), (2, ["mpp"])]
    assert events[0].known_at < events[1].known_at


IMPOSSIBLE = [
    ({"zone": "Asia/Malang"}, "#/zone"),
    ({"opens_on": "2030-11-28"}, "#/opens_on"),
    ({"region_code": "3573"}, "#/region_code"),
    ({"voting_day": "27-11-2024"}, "#/voting_day"),
    ({"name": ""}, "#/name"),
    ({"name": "3573991705070001"}, "#/name"),
    ({"clock": "stopped"}, "#/clock"),
    ({"voting_dy": "2024-11-27"}, "#/voting_dy"),
    ({"campaign": "another-2024"}, "#/campaign"),
    ({"known_at": "2024-08-01T08:00:00+07:00"}, "#/known_at"),
]


async def test_a_campaign_that_cannot_be_is_refused(world: World) -> None:
    for change, pointer in IMPOSSIBLE:
        is_problem(await world.http.put(URL, json={**LIVE, **change}), 422, "invalid-request", pointer)
    assert await world.published() == []


async def test_the_clock_is_chosen_once(world: World) -> None:
    await world.open()
    without = {name: value for name, value in REPLAYED.items() if name != "clock"}
    assert (await world.http.put(URL, json=without)).status_code == 200
    is_problem(await world.http.put(URL, json={**REPLAYED, "clock": "live"}), 422, "invalid-request", "#/clock")


async def test_days_and_zone_are_fixed_once_a_submission_was_judged_by_them(world: World) -> None:
    await world.open()
    moved = {**REPLAYED, "opens_on": "2024-09-02"}
    assert (await world.http.put(URL, json=moved)).status_code == 200
    counter = await world.counter()
    await world.handle(counter.submission())
    is_problem(await world.http.put(URL, json={**moved, "opens_on": "2024-09-03"}), 409, "refused")
    assert (await world.http.put(URL, json={**moved, "name": "Another name"})).json()["revision"] == 3


async def test_everything_else_needs_a_campaign(world: World) -> None:
    person = f"{URL}/recordings/{uuid4()}"
    for method, url, body in [
        ("GET", URL, None),
        ("PUT", f"{URL}/schools/20533456", SCHOOL),
        ("GET", f"{URL}/schools", None),
        ("GET", f"{URL}/schools/20533456", None),
        ("POST", f"{URL}/schools:batch", {"schools": [{"npsn": "20533456", **SCHOOL}]}),
        ("POST", f"{URL}/statements", STATEMENT),
        ("GET", f"{URL}/statements", None),
        ("POST", f"{URL}/targets", TARGET),
        ("GET", f"{URL}/targets", None),
        ("GET", f"{URL}/submissions/{uuid4()}", None),
        ("GET", person, None),
        ("POST", f"{person}/void", {"reason": "x"}),
        ("POST", f"{person}/restore", {"reason": "x"}),
        ("POST", f"{person}/reattribute", {"reason": "x", "group": "outside"}),
    ]:
        is_problem(await world.http.request(method, url, json=body), 404, "not-found")
    key = urlsafe_b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    device = {"device_id": "mpp-1", "campaign": CAMPAIGN, "kind": "mpp", "place": "MPP", "public_key": key}
    is_problem(await world.http.post("/v1/devices", json=device), 422, "invalid-request", "#/campaign")


async def test_a_school_is_listed_changed_and_left_as_it_is(world: World) -> None:
    await world.open(clock="live")
    url = f"{URL}/schools/20533456"
    listed = await world.http.put(url, json=SCHOOL)
    assert (listed.status_code, listed.headers["etag"], listed.json()["npsn"]) == (201, '"1"', "20533456")
    assert (await world.http.put(url, json={**SCHOOL, "npsn": "20533456"})).json() == listed.json()
    changed = await world.http.put(url, json={**SCHOOL, "kecamatan": "Klojen"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["revision"]) == (200, 2)
    is_problem(await world.http.put(url, json=SCHOOL, headers={"If-Match": '"1"'}), 412, "stale-revision")
    is_problem(await world.http.put(url, json={**SCHOOL, "npsn": "20533457"}), 422, "invalid-request", "#/npsn")
    is_problem(await world.http.put(url, json=SCHOOL, headers={"If-Match": "1"}), 400, "malformed-request")
    assert (await world.http.get(url)).json() == changed.json()
    is_problem(await world.http.get(f"{URL}/schools/20533457"), 404, "not-found")
    assert [event.revision for event in await world.published("school-listed")] == [1, 2]
    await audit(world.pool)


async def test_a_kecamatan_has_one_spelling_and_may_have_a_code(world: World) -> None:
    await world.open(clock="live")
    url = f"{URL}/schools/20533456"
    first = (await world.http.put(url, json={**SCHOOL, "kecamatan": "KLOJEN ", "kecamatan_code": "35.73.02"})).json()
    assert (first["kecamatan"], first["kecamatan_code"]) == ("Klojen", "35.73.02")
    again = await world.http.put(url, json={**first, "kecamatan": "Kec. Klojen"})
    assert again.json() == first, "it says the same"
    schools = [
        {**SCHOOL, "npsn": "20533456", "kecamatan": "kecamatan klojen", "kecamatan_code": "35.73.02"},
        {**SCHOOL, "npsn": "20533457", "kecamatan": "lowokwaru"},
    ]
    listed = (await world.http.post(f"{URL}/schools:batch", json={"schools": schools})).json()["schools"]
    assert [(school["revision"], school["kecamatan"], school.get("kecamatan_code")) for school in listed] == [
        (1, "Klojen", "35.73.02"),
        (1, "Lowokwaru", None),
    ]
    published = await world.published("school-listed")
    assert [(event.kecamatan, event.kecamatan_code) for event in published] == [
        ("Klojen", "35.73.02"), ("Lowokwaru", None),
    ]  # fmt: skip
    for code in ("35.73", "357302", "35.73.2", "35.73.020", "35.73.02.1001"):
        wrong = await world.http.put(url, json={**SCHOOL, "kecamatan_code": code})
        is_problem(wrong, 422, "invalid-request", "#/kecamatan_code")
    wrong = await world.http.put(url, json={**SCHOOL, "kecamatan": "3573    9901    0107    0001"})
    is_problem(wrong, 422, "invalid-request", "#/kecamatan")
    is_problem(await world.http.put(url, json={**SCHOOL, "kecamatan": 3}), 422, "invalid-request", "#/kecamatan")


async def test_with_if_none_match_it_is_made_and_not_changed(world: World) -> None:
    only_new = {"If-None-Match": "*"}
    statement = {**STATEMENT, "statement_id": str(uuid4())}
    key = urlsafe_b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    device = {"device_id": "mpp-1", "campaign": CAMPAIGN, "kind": "mpp", "place": "MPP", "public_key": key}
    for method, url, body in [
        ("PUT", URL, LIVE),
        ("PUT", f"{URL}/schools/20533456", SCHOOL),
        ("POST", f"{URL}/statements", statement),
        ("POST", f"{URL}/targets", TARGET),
        ("POST", "/v1/devices", device),
    ]:
        assert (await world.http.request(method, url, json=body, headers=only_new)).status_code == 201
        before = len(await world.published())
        is_problem(await world.http.request(method, url, json=body, headers=only_new), 412, "exists")
        assert len(await world.published()) == before
        wrong = await world.http.request(method, url, json=body, headers={"If-None-Match": '"1"'})
        is_problem(wrong, 422, "invalid-request")


async def test_many_schools_are_listed_all_or_none(world: World) -> None:
    await world.open(clock="live")
    many = [{"npsn": f"{20000000 + number}", **SCHOOL} for number in range(1000)]
    listed = await world.http.post(f"{URL}/schools:batch", json={"schools": many})
    assert (listed.status_code, len(listed.json()["schools"])) == (200, 1000)
    again = await world.http.post(f"{URL}/schools:batch", json={"schools": many[:50]})
    assert again.json()["schools"] == listed.json()["schools"][:50]
    assert len(await world.published("school-listed")) == 1000
    assert (await world.http.get(f"{URL}/schools")).json()["schools"] == listed.json()["schools"]

    bad = [{**many[0], "name": "New"}, {**many[1], "npsn": "123"}, {**many[2], "ownership": "state"}]
    refused = await world.http.post(f"{URL}/schools:batch", json={"schools": bad})
    is_problem(refused, 422, "invalid-request", "#/schools/1/npsn", "#/schools/2/ownership")
    twice = await world.http.post(f"{URL}/schools:batch", json={"schools": [many[0], many[1], many[0]]})
    is_problem(twice, 422, "invalid-request", "#/schools/2/npsn")
    too_many = await world.http.post(f"{URL}/schools:batch", json={"schools": [*many, many[0]]})
    is_problem(too_many, 422, "invalid-request", "#/schools")
    assert len(await world.published("school-listed")) == 1000
