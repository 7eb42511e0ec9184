"""Visits over HTTP: made, moved, cancelled, completed, and refused with the reason."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.scheduling.conftest import KNOWN_AT, LIVE, NPSN, Scheduling, instant, listed, opened, visit

VISIT_ID = "01930000-0000-7000-8000-000000000001"


def refusal(answer: Any, reason: str, status: int = 409) -> Any:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    body = answer.json()
    assert body["reason"] == reason
    assert len(body["detail"]) > 20
    return body


async def test_a_visit_is_made_and_found(scheduling: Scheduling) -> None:
    answer = await scheduling.schedule(visit_id=VISIT_ID, sets=2, expected=80)
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    assert answer.headers["location"] == f"/v1/campaigns/ujian-2024/visits/{VISIT_ID}"
    assert answer.json() == {
        "campaign": "ujian-2024",
        "visit_id": VISIT_ID,
        "revision": 1,
        "known_at": "2024-11-01T02:00:00Z",
        "kind": "school_visit",
        "groups": ["npsn:90000001"],
        "place": "SMK Contoh 1",
        "day": "2024-11-12",
        "starts_at": "2024-11-12T01:00:00Z",
        "ends_at": "2024-11-12T07:00:00Z",
        "sets": ["set-1", "set-2"],
        "status": "scheduled",
        "expected": 80,
    }
    found = await scheduling.http.get(answer.headers["location"])
    assert (found.status_code, found.headers["etag"], found.json()) == (200, '"1"', answer.json())


async def test_an_id_is_made_where_none_is_given(scheduling: Scheduling) -> None:
    made = await scheduling.scheduled()
    assert made["visit_id"][14] == "7"
    assert (await scheduling.ask("GET", f"/visits/{made['visit_id']}")).json() == made


async def test_the_list_is_filtered_and_sorted_by_day_and_start(scheduling: Scheduling) -> None:
    late = await scheduling.scheduled(day="2024-11-13")
    noon = await scheduling.scheduled(starts_at="2024-11-12T12:00:00+07:00", groups=[f"npsn:{NPSN[1]}"])
    early = await scheduling.scheduled(sets=["set-2"])
    await scheduling.ask("POST", f"/visits/{early['visit_id']}/cancel", {"known_at": KNOWN_AT, "reason": "Hujan"})

    async def ids(query: str = "") -> list[str]:
        answer = await scheduling.ask("GET", f"/visits{query}")
        return [each["visit_id"] for each in answer.json()["visits"]]

    assert await ids() == [early["visit_id"], noon["visit_id"], late["visit_id"]]
    assert await ids("?day=2024-11-12") == [early["visit_id"], noon["visit_id"]]
    assert await ids("?status=cancelled") == [early["visit_id"]]
    assert await ids(f"?group=npsn:{NPSN[1]}") == [noon["visit_id"]]
    assert await ids(f"?group=npsn:{NPSN[0]}&status=scheduled&day=2024-11-13") == [late["visit_id"]]
    assert (await scheduling.ask("GET", "/visits?status=lost")).status_code == 422


async def test_a_visit_is_moved_cancelled_or_completed_with_a_revision_each(scheduling: Scheduling) -> None:
    made = await scheduling.scheduled()
    path = f"/visits/{made['visit_id']}"
    moved = await scheduling.ask("PATCH", path, {"known_at": KNOWN_AT, "day": "2024-11-14"}, if_match='"1"')
    assert (moved.status_code, moved.headers["etag"]) == (200, '"2"')
    assert moved.json() == {
        **made,
        "revision": 2,
        "known_at": "2024-11-01T02:00:00.000001Z",
        "day": "2024-11-14",
        "starts_at": "2024-11-14T01:00:00Z",
        "ends_at": "2024-11-14T07:00:00Z",
    }
    same = await scheduling.ask("PATCH", path, {"known_at": KNOWN_AT, "place": made["place"]})
    assert same.json() == moved.json()

    done = {"known_at": "2024-11-14T15:00:00+07:00", "missed": {"internship": 12, "absent": 3}}
    refusal(
        await scheduling.ask("POST", f"{path}/complete", {**done, "known_at": "2024-11-13T23:59:59+07:00"}), "not_yet"
    )
    completed = await scheduling.ask("POST", f"{path}/complete", done, if_match='"2"')
    assert completed.json() == {
        **moved.json(),
        "revision": 3,
        "known_at": "2024-11-14T08:00:00Z",
        "status": "completed",
        "missed": {"internship": 12, "absent": 3},
    }
    again = await scheduling.ask("POST", f"{path}/complete", done)
    assert (again.status_code, again.json()) == (200, completed.json())
    corrected = await scheduling.ask("POST", f"{path}/complete", {**done, "missed": {}})
    assert (corrected.json()["missed"], corrected.json()["revision"]) == ({}, completed.json()["revision"] + 1)
    refusal(await scheduling.ask("POST", f"{path}/cancel", {"known_at": done["known_at"], "reason": "Hujan"}), "closed")
    refusal(await scheduling.ask("POST", f"{path}/cancel", {"known_at": KNOWN_AT, "reason": "Hujan"}), "closed")
    refusal(await scheduling.ask("PATCH", path, {"known_at": KNOWN_AT, "place": "Aula"}), "closed")


async def test_cancelling_frees_the_set_and_may_be_said_twice(scheduling: Scheduling) -> None:
    made = await scheduling.scheduled()
    refusal(await scheduling.schedule(), "set_taken")
    path = f"/visits/{made['visit_id']}/cancel"
    answer = await scheduling.ask("POST", path, {"known_at": KNOWN_AT, "reason": "Ujian sekolah"})
    assert answer.json()["status"] == "cancelled"
    assert answer.json()["reason"] == "Ujian sekolah"
    again = await scheduling.ask("POST", path, {"known_at": KNOWN_AT, "reason": "Ujian sekolah"})
    assert (again.status_code, again.json()) == (200, answer.json())
    refusal(await scheduling.ask("POST", path, {"known_at": KNOWN_AT, "reason": "Hujan"}), "closed")
    await scheduling.scheduled()


@pytest.mark.parametrize("verb", ["PATCH", "cancel", "complete", "PUT"])
async def test_a_stale_revision_is_refused(scheduling: Scheduling, verb: str) -> None:
    path = f"/visits/{(await scheduling.scheduled())['visit_id']}"
    await scheduling.ask("PATCH", path, {"known_at": KNOWN_AT, "place": "Aula"})
    body = {"known_at": "2024-11-12T15:00:00+07:00"}
    if verb == "PATCH":
        stale = await scheduling.ask("PATCH", path, {**body, "place": "Lapangan"}, if_match='"1"')
    elif verb == "PUT":
        await scheduling.ask("PUT", "/sets/set-2", {**body, "label": "Dua"})
        stale = await scheduling.ask("PUT", "/sets/set-2", {**body, "label": "Tiga"}, if_match='"1"')
    else:
        reason = {"reason": "Hujan"} if verb == "cancel" else {}
        stale = await scheduling.ask("POST", f"{path}/{verb}", {**body, **reason}, if_match='"1"')
    assert (stale.status_code, stale.headers["etag"], stale.json()["current"]) == (412, '"2"', 2)
    assert (await scheduling.ask("GET", path)).json()["revision"] == 2


IMPOSSIBLE: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("more_sets_than_exist", {"sets": 4}, {"in_service": ["set-1", "set-2", "set-3"]}),
    ("set_twice", {"sets": ["set-1", "set-1"]}, {"errors": ["#/sets/1"]}),
    ("unknown_set", {"sets": ["set-9"]}, {"errors": ["#/sets/0"]}),
    ("outside_campaign", {"day": "2024-11-28"}, {"voting_day": "2024-11-27", "errors": ["#/day"]}),
    ("outside_campaign", {"day": "2024-09-18"}, {"opens_on": "2024-09-19", "errors": ["#/day"]}),
    ("not_on_day", {"starts_at": "2024-11-11T17:30:00+07:00"}, {"zone": "Asia/Jakarta", "errors": ["#/starts_at"]}),
    ("not_in_order", {"ends_at": "2024-11-12T07:00:00+07:00"}, {"errors": ["#/starts_at", "#/ends_at"]}),
    ("school_not_listed", {"groups": ["npsn:12345678"]}, {"errors": ["#/groups/0"]}),
    ("no_school", {"groups": []}, {"errors": ["#/groups"]}),
    ("too_many_schools", {"groups": [f"npsn:{npsn}" for npsn in NPSN[:4]]}, {"errors": ["#/groups"]}),
]


async def test_what_cannot_be_is_refused_with_the_reason(scheduling: Scheduling) -> None:
    for reason, changes, members in IMPOSSIBLE:
        body = refusal(await scheduling.schedule(**changes), reason, 422 if "errors" in members else 409)
        assert body["type"] == f"/problems/{'invalid-request' if 'errors' in members else 'refused'}"
        if "errors" in members:
            body["errors"] = [error["pointer"] for error in body["errors"]]
        assert body | members == body
    assert (await scheduling.ask("GET", "/visits")).json() == {"visits": []}
    assert await scheduling.outbox() == []


async def test_a_clash_names_the_visit_in_the_way(scheduling: Scheduling) -> None:
    there = await scheduling.scheduled(sets=["set-1", "set-2"])
    [named] = refusal(await scheduling.schedule(sets=["set-2", "set-3"]), "set_taken")["visits"]
    assert (named["visit_id"], named["sets"]) == (there["visit_id"], ["set-2"])
    body = refusal(await scheduling.schedule(sets=2), "not_enough_free_sets")
    assert (body["free"], [each["visit_id"] for each in body["visits"]]) == (["set-3"], [there["visit_id"]])
    other = await scheduling.scheduled(sets=1)
    body = refusal(
        await scheduling.ask("PATCH", f"/visits/{other['visit_id']}", {"known_at": KNOWN_AT, "sets": ["set-1"]}),
        "set_taken",
    )
    assert body["visits"][0]["visit_id"] == there["visit_id"]


async def test_a_fourth_school_on_one_day_is_too_many_for_a_team(scheduling: Scheduling) -> None:
    for number in range(4):
        begin = f"2024-11-12T{8 + 2 * number:02}:00:00+07:00"
        end = f"2024-11-12T{9 + 2 * number:02}:00:00+07:00"
        answer = await scheduling.schedule(starts_at=begin, ends_at=end, groups=[f"npsn:{NPSN[number]}"])
        if number < 3:
            assert answer.status_code == 201
        else:
            teams = refusal(answer, "too_many_schools")["teams"]
            assert teams == {"set-1": [f"npsn:{npsn}" for npsn in NPSN[:4]]}


async def test_the_same_visit_id_again(scheduling: Scheduling) -> None:
    made = await scheduling.scheduled(visit_id=VISIT_ID)
    again = await scheduling.schedule(visit_id=VISIT_ID, known_at="2024-11-02T09:00:00+07:00")
    assert (again.status_code, again.json()) == (200, made)
    moved = await scheduling.ask("PATCH", f"/visits/{VISIT_ID}", {"known_at": KNOWN_AT, "place": "Aula"})
    assert (await scheduling.schedule(visit_id=VISIT_ID)).json() == moved.json()
    other = await scheduling.schedule(visit_id=VISIT_ID, day="2024-11-20")
    assert (other.status_code, other.json()["type"]) == (409, "/problems/conflict")
    only_new = await scheduling.ask("POST", "/visits", visit(visit_id=VISIT_ID), if_none_match="*")
    assert (only_new.status_code, only_new.json()["type"]) == (412, "/problems/exists")
    assert len(await scheduling.outbox()) == 2
    assert (await scheduling.ask("POST", "/visits", visit(sets=["set-2"]), if_none_match="*")).status_code == 201


async def test_a_visit_id_is_taken_in_any_case_and_answered_in_lower_case(scheduling: Scheduling) -> None:
    own = "01930000-0000-7000-8000-00000000abcd"
    made = await scheduling.schedule(visit_id=own.upper())
    assert (made.json()["visit_id"], made.headers["location"].split("/")[-1]) == (own, own)
    assert (await scheduling.schedule(visit_id=own)).status_code == 200
    assert (await scheduling.ask("GET", f"/visits/{own.upper()}")).json() == made.json()
    body = {"known_at": KNOWN_AT, "visit_id": own.upper(), "reason": "Hujan"}
    assert (await scheduling.ask("POST", f"/visits/{own}/cancel", body)).json()["visit_id"] == own


async def test_an_idempotency_key_makes_one_visit(scheduling: Scheduling) -> None:
    body = visit()
    first = await scheduling.ask("POST", "/visits", body, idempotency_key="satu")
    again = await scheduling.ask("POST", "/visits", body, idempotency_key="satu")
    assert (again.status_code, again.json(), dict(again.headers)) == (201, first.json(), dict(first.headers))
    other = await scheduling.ask("POST", "/visits", visit(sets=["set-2"]), idempotency_key="satu")
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert len((await scheduling.ask("GET", "/visits")).json()["visits"]) == 1


async def test_known_at_takes_the_place_of_the_clock_in_a_replayed_campaign_alone(scheduling: Scheduling) -> None:
    before = await scheduling.tx.fetchval("SELECT clock_timestamp()")
    without = await scheduling.scheduled(known_at=None)
    assert before < instant(without["known_at"]) < datetime.now(UTC)
    moved = await scheduling.ask("PATCH", f"/visits/{without['visit_id']}", {"known_at": KNOWN_AT, "place": "Aula"})
    assert instant(moved.json()["known_at"]) == instant(without["known_at"]) + timedelta(microseconds=1)
    assert (await scheduling.schedule(known_at="2024-11-01T09:00:00")).status_code == 422

    assert await scheduling.hear(opened(LIVE), listed(NPSN[0], LIVE)) == []
    assert (await scheduling.ask("PUT", "/sets/set-1", None, LIVE)).status_code == 201
    before = await scheduling.tx.fetchval("SELECT clock_timestamp()")
    told = {**visit(known_at=None), "day": "2098-01-01"}
    made = await scheduling.ask("POST", "/visits", told, LIVE)
    assert made.status_code == 201, made.text
    assert before < instant(made.json()["known_at"]) < datetime.now(UTC)
    path = f"/visits/{made.json()['visit_id']}"
    refusal(await scheduling.ask("POST", f"{path}/complete", None, LIVE), "not_yet")
    moved = await scheduling.ask("PATCH", path, {"place": "Aula"}, LIVE)
    assert instant(moved.json()["known_at"]) > instant(made.json()["known_at"])


async def test_what_is_not_there(scheduling: Scheduling) -> None:
    for method, path, body in [
        ("GET", "/visits", None),
        ("GET", "/sets", None),
        ("GET", f"/visits/{VISIT_ID}", None),
        ("PUT", "/sets/set-1", {}),
        ("POST", "/visits", visit()),
        ("PATCH", f"/visits/{VISIT_ID}", {}),
        ("POST", f"/visits/{VISIT_ID}/cancel", {"reason": "Hujan"}),
        ("POST", f"/visits/{VISIT_ID}/complete", None),
    ]:
        refusal(await scheduling.ask(method, path, body, "lain-2029"), "unknown_campaign", 404)
        if VISIT_ID in path:
            said = None if method == "GET" else {"known_at": KNOWN_AT, **(body or {})}
            refusal(await scheduling.ask(method, path, said), "unknown_visit", 404)


WRONG: list[dict[str, Any]] = [
    {"sets": []},
    {"sets": 0},
    {"sets": "set-1"},
    {"sets": True},
    {"sets": ["set-1", 2]},
    {"day": "12 November"},
    {"groups": ["SMK 1"]},
    {"place": "Siswa 3573990101010001"},
    {"expected": -1},
    {"visit_id": "satu"},
    {"starts_at": "2024-11-12T08:00:00"},
    {"ends_at": "9999-12-31T23:59:59-12:00"},
    {"known_at": "0001-01-01T00:00:00+14:00"},
    {"status": "completed"},
]


async def test_a_wrong_body_is_refused_without_an_echo(scheduling: Scheduling) -> None:
    for wrong in WRONG:
        answer = await scheduling.schedule(**wrong)
        assert answer.status_code == 422, answer.text
        [error] = answer.json()["errors"]
        [name] = wrong
        assert error["pointer"].removesuffix("/0") == f"#/{name}"
        assert "3573990101010001" not in answer.text
