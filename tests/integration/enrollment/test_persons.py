"""Persons, devices and dead letters over HTTP."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import date
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exactly_once.records import Fault
from exactly_once.set_aside import bad_record
from tests.integration.enrollment.audit import audit
from tests.integration.enrollment.world import (
    CAMPAIGN,
    STATEMENT,
    TARGET,
    URL,
    World,
    at,
    is_problem,
    nik,
)


async def test_operations_refuse_what_they_cannot_do(world: World) -> None:
    await world.open()
    counter = await world.counter()
    mine, hers = counter.submission(nik(1)), counter.submission(nik(2))
    await world.handle(mine, hers)
    url = f"{URL}/recordings/{await world.person_id(mine)}"
    body = {"reason": "x", "known_at": at(5).isoformat()}
    is_problem(await world.http.post(f"{URL}/recordings/{uuid4()}/void", json=body), 404, "not-found")
    not_mine = {**body, "submission_id": hers.event.submission_id}
    is_problem(await world.http.post(f"{url}/void", json=not_mine), 422, "invalid-request", "#/submission_id")
    is_problem(await world.http.post(f"{url}/restore", json=body), 409, "refused")
    is_problem(await world.http.post(f"{url}/void", json=body, headers={"If-Match": '"2"'}), 412, "stale-revision")
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


async def test_the_entity_tag_changes_with_a_duplicates_decision(world: World) -> None:
    await world.open()
    counter = await world.counter()
    first = counter.submission(nik(1), at(1), replayed_at=at(5))
    await world.handle(first)
    url = f"{URL}/recordings/{await world.person_id(first)}"

    async def tag() -> str:
        return str((await world.http.get(url)).headers["etag"])

    tags = [await tag()]
    later = [counter.submission(nik(1), at(day), replayed_at=at(5)) for day in (2, 3, 4)]
    for arrived in (later[:1], later[1:], later):  # one duplicate, two at once, and the same again
        await world.handle(*arrived)
        tags.append(await tag())
    duplicate = {"submission_id": later[0].event.submission_id}
    for verb in ("void", "restore"):
        done = await world.office(verb, first, known_at=at(6), **duplicate)
        assert (done.status_code, done.headers["etag"]) == (200, await tag())
        tags.append(await tag())
    assert tags == ['"1.0"', '"1.1"', '"1.3"', '"1.3"', '"1.4"', '"1.5"']
    assert (await world.person(first))["revision"] == 1, "nothing of it is published"

    body = {"reason": "x", "known_at": at(7).isoformat(), **duplicate}
    for stale in ('"1.4"', 'W/"1.4"', '"1.4-gzip"', '"1.6"', '"0.5"', '"0"', '"2"'):
        refused = await world.http.post(f"{url}/void", json=body, headers={"If-Match": stale})
        is_problem(refused, 412, "stale-revision")
        assert (refused.headers["etag"], refused.json()["current"]) == ('"1.5"', 1)
    is_problem(await world.http.post(f"{url}/void", json=body, headers={"If-Match": '"1."'}), 400, "malformed-request")
    for verb, current in (("void", '"1.5"'), ("restore", '"1"'), ("void", '"1.7-gzip"'), ("restore", 'W/"1.8"')):
        done = await world.http.post(f"{url}/{verb}", json=body, headers={"If-Match": current})
        assert done.status_code == 200, "the whole tag, or the revision alone"
    assert await tag() == '"1.9"'
    await audit(world.pool)


async def test_ids_are_taken_in_any_case_and_answered_in_lower_case(world: World) -> None:
    await world.open()
    counter = await world.counter()
    message = counter.submission(nik(1))
    await world.handle(message)
    submission_id, person_id = message.event.submission_id, await world.person_id(message)
    found = await world.http.get(f"{URL}/submissions/{submission_id.upper()}")
    assert (found.json()["submission_id"], found.json()["person_id"]) == (submission_id, person_id)
    body = {"reason": "x", "submission_id": submission_id.upper()}
    voided = await world.http.post(f"{URL}/recordings/{person_id.upper()}/void", json=body)
    assert (voided.json()["person_id"], voided.json()["counts"]) == (person_id, False)
    statement_id = str(uuid4())
    for spelt in (statement_id.upper(), statement_id):
        stated = await world.http.post(f"{URL}/statements", json={**STATEMENT, "statement_id": spelt})
        assert (stated.json()["statement_id"], stated.json()["revision"]) == (statement_id, 1)
    target = await world.http.post(f"{URL}/targets", json={**TARGET, "based_on": [statement_id.upper()]})
    assert target.json()["based_on"] == [statement_id]
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


async def test_dead_letters_are_listed_without_what_is_in_them(world: World) -> None:
    await world.open()
    counter = await world.counter()
    secret = counter.submission(nik(7), place="A place to look for")
    letters = [bad_record(Fault(secret.record, "bad_signature", "look at the key"))]
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
