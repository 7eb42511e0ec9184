"""The office's commands over HTTP: campaign, schools, statements, targets, devices; the happy and the unhappy paths."""

from __future__ import annotations

import asyncio
import itertools
from base64 import urlsafe_b64encode
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exactly_once.records import Fault
from tests.integration.enrollment.audit import audit
from tests.integration.enrollment.world import CAMPAIGN, LIVE, REPLAYED, World, at, nik

URL = f"/v1/campaigns/{CAMPAIGN}"
SCHOOL = {
    "name": "SMK Contoh",
    "school_kind": "SMK",
    "ownership": "public",
    "kecamatan": "Lowokwaru",
    "latitude": -7.95,
    "longitude": 112.61,
    "invented": True,
}
STATEMENT = {
    "scope": "campaign",
    "population": "students",
    "measure": "remaining",
    "value": 4586,
    "as_of": "2024-09-19",
    "stated_on": "2024-09-19",
    "stated_by": "Dispendukcapil",
    "source": "press",
}
TARGET = {
    "scope": "campaign",
    "value": 5554,
    "effective_from": "2024-09-19",
    "counting_from": "2024-09-19",
    "split": "stated",
    "reason": "The office decided.",
}


def is_problem(answer: httpx.Response, status: int, kind: str, *pointers: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert answer.json()["type"] == f"/problems/{kind}"
    if pointers:
        assert [error["pointer"] for error in answer.json()["errors"]] == list(pointers)


# -- the campaign


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
    no_clock = {name: value for name, value in REPLAYED.items() if name != "known_at"}
    is_problem(await world.http.put(URL, json=no_clock), 422, "invalid-request", "#/known_at")


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
    key = urlsafe_b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    device = {"device_id": "mpp-1", "campaign": CAMPAIGN, "kind": "mpp", "place": "MPP", "public_key": key}
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
        ("POST", "/v1/devices", device),
    ]:
        is_problem(await world.http.request(method, url, json=body), 404, "not-found")


# -- schools


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


# -- statements and targets


async def test_a_statement_is_evidence_with_revisions(world: World) -> None:
    await world.open()
    made = await world.http.post(f"{URL}/statements", json={**STATEMENT, "known_at": at(1).isoformat()})
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    statement_id = made.json()["statement_id"]
    assert UUID(statement_id).version == 7
    body = {**STATEMENT, "statement_id": statement_id, "known_at": at(2).isoformat()}
    assert (await world.http.post(f"{URL}/statements", json=body)).json() == made.json()
    withdrawn = await world.http.post(f"{URL}/statements", json={**body, "withdrawn": True})
    assert (withdrawn.status_code, withdrawn.json()["revision"]) == (200, 2)
    own = str(uuid4())
    other = {**STATEMENT, "statement_id": own, "supersedes": [statement_id], "known_at": at(3).isoformat()}
    assert (await world.http.post(f"{URL}/statements", json=other)).status_code == 201
    unknown = await world.http.post(f"{URL}/statements", json={**other, "supersedes": [statement_id, str(uuid4())]})
    is_problem(unknown, 422, "invalid-request", "#/supersedes/1")
    stale = await world.http.post(f"{URL}/statements", json=body, headers={"If-Match": '"1"'})
    is_problem(stale, 412, "stale-revision")
    found = (await world.http.get(f"{URL}/statements")).json()["statements"]
    assert [(one["statement_id"], one["revision"]) for one in found] == [
        (statement_id, 1), (statement_id, 2), (own, 1)
    ]  # fmt: skip
    assert [event.known_at for event in await world.published("figure-stated")] == [at(1), at(2), at(3)]
    await audit(world.pool)


async def test_each_target_is_the_next_revision_of_its_scope(world: World) -> None:
    await world.open()
    statement = await world.http.post(f"{URL}/statements", json={**STATEMENT, "known_at": at(1).isoformat()})
    based_on = [statement.json()["statement_id"]]
    body = {**TARGET, "based_on": based_on, "known_at": at(2).isoformat()}
    first = await world.http.post(f"{URL}/targets", json=body)
    assert (first.status_code, first.headers["etag"], first.json()["based_on"]) == (201, '"1"', based_on)
    second = await world.http.post(f"{URL}/targets", json={**body, "value": 5600}, headers={"If-Match": '"1"'})
    assert (second.status_code, second.json()["revision"]) == (201, 2)
    assert datetime.fromisoformat(second.json()["known_at"]) == at(2) + timedelta(microseconds=1)
    school = await world.http.post(f"{URL}/targets", json={**body, "scope": "npsn:20533456", "value": 92})
    assert school.json()["revision"] == 1
    is_problem(await world.http.post(f"{URL}/targets", json=body, headers={"If-Match": '"1"'}), 412, "stale-revision")
    is_problem(
        await world.http.post(f"{URL}/targets", json={**body, "based_on": [*based_on, str(uuid4())]}),
        422, "invalid-request", "#/based_on/1",
    )  # fmt: skip
    is_problem(
        await world.http.post(f"{URL}/targets", json={**body, "scope": "everybody", "value": -1}),
        422, "invalid-request", "#/scope", "#/value",
    )  # fmt: skip
    no_clock = {name: value for name, value in body.items() if name != "known_at"}
    is_problem(await world.http.post(f"{URL}/targets", json=no_clock), 422, "invalid-request", "#/known_at")
    found = (await world.http.get(f"{URL}/targets")).json()["targets"]
    assert [(one["scope"], one["revision"], one["value"]) for one in found] == [
        ("campaign", 1, 5554),
        ("npsn:20533456", 1, 92),
        ("campaign", 2, 5600),
    ]
    assert [event.revision for event in await world.published("target-updated")] == [1, 2, 1]
    await audit(world.pool)


async def test_targets_at_once_are_revisions_in_a_row(world: World) -> None:
    await world.open(clock="live")
    bodies = [{**TARGET, "value": number} for number in range(8)]
    answers = await asyncio.gather(*(world.http.post(f"{URL}/targets", json=body) for body in bodies))
    assert sorted(answer.json()["revision"] for answer in answers) == list(range(1, 9))
    events = await world.published("target-updated")
    assert [event.revision for event in events] == list(range(1, 9))
    assert all(a.known_at < b.known_at for a, b in itertools.pairwise(events))


# -- keys against doing it twice


async def test_a_command_with_a_key_is_done_once(world: World) -> None:
    await world.open()
    key = {"Idempotency-Key": "once"}
    body = {**TARGET, "known_at": at(1).isoformat()}
    answers = await asyncio.gather(*(world.http.post(f"{URL}/targets", json=body, headers=key) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert {answer.headers["etag"] for answer in answers} == {'"1"'}
    assert len(await world.published("target-updated")) == 1
    other = await world.http.post(f"{URL}/targets", json={**body, "value": 1}, headers=key)
    is_problem(other, 422, "idempotency-key-reused")


async def test_a_void_with_a_key_is_done_once(world: World) -> None:
    await world.open()
    counter = await world.counter()
    first, second = counter.submission(recorded_at=at(1)), counter.submission(recorded_at=at(2))
    await world.handle(first, second)
    url = f"{URL}/recordings/{await world.person_id(first)}/void"
    body = {"reason": "the wrong person", "known_at": at(5).isoformat()}
    answers = [await world.http.post(url, json=body, headers={"Idempotency-Key": "v1"}) for _ in range(3)]
    assert {(answer.status_code, answer.json()["revision"]) for answer in answers} == {(200, 2)}
    assert await world.decision(second) == ("counted", None)
    await audit(world.pool)


# -- persons


async def test_operations_refuse_what_they_cannot_do(world: World) -> None:
    await world.open()
    counter = await world.counter()
    mine, hers = counter.submission(nik(1)), counter.submission(nik(2))
    await world.handle(mine, hers)
    url = f"{URL}/recordings/{await world.person_id(mine)}"
    body = {"reason": "x", "known_at": at(5).isoformat()}
    is_problem(await world.http.post(f"{URL}/recordings/{uuid4()}/void", json=body), 404, "not-found")
    not_mine = {**body, "submission_id": hers.event.submission_id}
    is_problem(await world.http.post(f"{url}/void", json=not_mine), 404, "not-found")
    is_problem(await world.http.post(f"{url}/restore", json=body), 409, "refused")
    is_problem(await world.http.post(f"{url}/void", json=body, headers={"If-Match": '"2"'}), 412, "stale-revision")
    is_problem(await world.http.post(f"{url}/void", json={"reason": "x"}), 422, "invalid-request", "#/known_at")
    is_problem(await world.http.post(f"{url}/void", json={**body, "reason": ""}), 422, "invalid-request", "#/reason")
    typo = {**body, "submision_id": mine.event.submission_id}
    is_problem(await world.http.post(f"{url}/void", json=typo), 422, "invalid-request", "#/submision_id")
    is_problem(
        await world.http.post(f"{url}/reattribute", json={**body, "group": "somewhere"}),
        422, "invalid-request", "#/group",
    )  # fmt: skip
    done = await world.http.post(f"{url}/void", json=body, headers={"If-Match": '"1"'})
    assert (done.status_code, done.json()["counts"]) == (200, False)
    is_problem(await world.http.get(f"{URL}/submissions/{await world.person_id(mine)}"), 404, "not-found")
    await audit(world.pool)


async def test_a_person_is_shown_with_all_submissions_and_without_who_it_is(world: World) -> None:
    await world.open()
    counter = await world.counter()
    second = counter.submission(nik(1), at(2), session_id=str(uuid4()), domicile_regency="35.79")
    await world.handle(counter.submission(nik(1), at(1)), second)
    person = await world.person(second)
    assert [one["outcome"] for one in person["submissions"]] == ["counted", "duplicate"]
    assert (person["recorded_on"], person["counts"], person["revision"]) == ("2024-10-01", True, 1)
    assert nik(1) not in str(person) and "birth" not in str(person)
    assert date.fromisoformat(person["submissions"][1]["recorded_on"]) == date(2024, 10, 2)


# -- devices


async def test_a_device_is_registered_once_with_one_key(world: World) -> None:
    await world.open()
    await world.open("batu-2024")
    key, other = (
        urlsafe_b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).rstrip(b"=").decode()
        for _ in range(2)
    )
    body = {"device_id": "mpp-1", "campaign": CAMPAIGN, "kind": "mpp", "place": "MPP", "public_key": key}
    assert (await world.http.post("/v1/devices", json=body)).status_code == 201
    again = await world.http.post("/v1/devices", json={**body, "public_key": f"{key}=", "place": "Aula"})
    assert (again.status_code, again.json()) == (200, {**body, "place": "Aula"})
    is_problem(await world.http.post("/v1/devices", json={**body, "public_key": other}), 409, "conflict")
    assert (await world.http.post("/v1/devices", json={**body, "campaign": "batu-2024"})).status_code == 201
    abroad = {**body, "campaign": "batu-2024", "public_key": other}
    is_problem(await world.http.post("/v1/devices", json=abroad), 409, "conflict")
    for wrong in ("", "short", "!" * 43, f"{key}A"):
        answer = await world.http.post("/v1/devices", json={**body, "public_key": wrong})
        is_problem(answer, 422, "invalid-request", "#/public_key")
    sixteen = await world.http.post("/v1/devices", json={**body, "device_id": "3573991705070001"})
    is_problem(sixteen, 422, "invalid-request", "#/device_id")


async def test_a_device_reads_its_decisions_page_by_page(world: World) -> None:
    await world.open()
    counter = await world.counter()
    messages = [counter.submission(nik(number)) for number in range(1, 6)]
    await world.handle(*messages)
    url, after, seen = "/v1/devices/mpp-1/decisions", None, []
    for _ in range(4):
        page = (await world.http.get(url, params={"limit": 2} | ({"after": after} if after else {}))).json()
        seen += page["decisions"]
        after = page["next"]
    assert [one["submission_id"] for one in seen] == [message.event.submission_id for message in messages]
    assert seen[0].keys() == {"submission_id", "device_seq", "outcome", "revision", "known_at"}
    is_problem(await world.http.get("/v1/devices/nobody/decisions"), 404, "not-found")
    is_problem(await world.http.get(url, params={"after": "x"}), 422, "invalid-request")


async def test_the_key_set_is_made_of_json_web_keys(world: World) -> None:
    (key,) = (await world.http.get("/v1/keyset")).json()["keys"]
    assert key.keys() == {"kid", "kty", "crv", "use", "x", "created_at"}
    assert (key["kty"], key["crv"], key["use"], len(key["x"])) == ("OKP", "X25519", "enc", 43)
    rows = await world.pool.fetch("SELECT private_sealed FROM enrollment.sealing_key")
    assert len(rows[0][0]) == 12 + 32 + 16  # nonce, key, tag: sealed, not readable


# -- dead letters


async def test_dead_letters_are_listed_without_what_is_in_them(world: World) -> None:
    await world.open()
    counter = await world.counter()
    secret = counter.submission(nik(7), place="A place to look for")
    letters = [Fault(secret.record, "bad_signature", "look at the key")]
    for number in range(3):
        secret.record.offset = number  # type: ignore[misc]
        async with world.pool.acquire() as tx:
            await dead_letters(world).write(tx, letters)
    page = (await world.http.get("/v1/dead-letters", params={"limit": 2})).json()
    assert [(one["reason"], one["offset"]) for one in page["dead_letters"]] == [
        ("bad_signature", 0),
        ("bad_signature", 1),
    ]
    rest = (await world.http.get("/v1/dead-letters", params={"after": page["next"]})).json()
    assert ([one["offset"] for one in rest["dead_letters"]], rest["next"]) == ([2], None)
    assert "A place to look for" not in str(page)
    assert (await world.http.get("/v1/dead-letters", params={"status": "discarded"})).json()["dead_letters"] == []


def dead_letters(world: World) -> Any:
    from exactly_once import DeadLetters

    return DeadLetters(world.settings.dead_letter_key.get_secret_value())


async def test_decisions_are_counted_for_whoever_runs_it(world: World) -> None:
    await world.open()
    counter = await world.counter()
    await world.handle(counter.submission(recorded_at=at(1)), counter.submission(recorded_at=at(2)))
    await world.handle(counter.submission(inside=b"{}"))
    assert {
        (sample.labels["outcome"], sample.labels["reason"]): sample.value
        for metric in world.registry.collect()
        for sample in metric.samples
        if sample.name == "submissions_decided_total"
    } == {("counted", ""): 1, ("duplicate", ""): 1, ("rejected", "malformed_identity"): 1}
