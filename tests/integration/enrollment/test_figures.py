"""Statements and targets over HTTP, and commands that are sent twice."""

from __future__ import annotations

import asyncio
import itertools
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from tests.integration.enrollment.audit import audit
from tests.integration.enrollment.world import (
    STATEMENT,
    TARGET,
    URL,
    World,
    at,
    is_problem,
)


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
