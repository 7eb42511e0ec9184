"""Many plan at the same moment: what is there once is given once."""

import asyncio
from collections import Counter

from tests.integration.scheduling.conftest import KNOWN_AT, NPSN, Scheduling, visit

AT_ONCE = 12


async def test_the_last_set_is_given_once(scheduling: Scheduling) -> None:
    for one in ("set-2", "set-3"):
        await scheduling.ask("PUT", f"/sets/{one}", {"known_at": KNOWN_AT, "in_service": False})
    answers = await asyncio.gather(*(scheduling.schedule(sets=1 if n % 2 else ["set-1"]) for n in range(AT_ONCE)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: AT_ONCE - 1}
    reasons = {answer.json()["reason"] for answer in answers if answer.status_code == 409}
    assert reasons == {"set_taken", "not_enough_free_sets"}
    assert len(await scheduling.outbox()) == 1


async def test_every_set_is_given_once_and_to_somebody(scheduling: Scheduling) -> None:
    answers = await asyncio.gather(*(scheduling.schedule(sets=1) for _ in range(AT_ONCE)))
    given = [answer.json()["sets"] for answer in answers if answer.status_code == 201]
    assert sorted(given) == [["set-1"], ["set-2"], ["set-3"]]


async def test_a_team_is_given_three_schools_though_all_ask_at_once(scheduling: Scheduling) -> None:
    bodies = [
        visit(
            groups=[f"npsn:{npsn}"],
            starts_at=f"2024-11-12T{8 + number:02}:00:00+07:00",
            ends_at=f"2024-11-12T{9 + number:02}:00:00+07:00",
        )
        for number, npsn in enumerate(NPSN)
    ]
    answers = await asyncio.gather(*(scheduling.ask("POST", "/visits", body) for body in bodies))
    assert Counter(answer.status_code for answer in answers) == {201: 3, 409: 3}


async def test_of_many_who_read_the_same_revision_one_moves_the_visit(scheduling: Scheduling) -> None:
    path = f"/visits/{(await scheduling.scheduled())['visit_id']}"
    moves = (
        scheduling.ask("PATCH", path, {"known_at": KNOWN_AT, "day": f"2024-11-{13 + n}"}, if_match='"1"')
        for n in range(AT_ONCE)
    )
    answers = await asyncio.gather(*moves)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: AT_ONCE - 1}
    found = await scheduling.tx.fetch("SELECT revision FROM scheduling.visit_revision ORDER BY revision")
    assert [row["revision"] for row in found] == [1, 2]


async def test_a_set_is_not_taken_out_of_service_while_it_is_given(scheduling: Scheduling) -> None:
    out = scheduling.ask("PUT", "/sets/set-1", {"known_at": KNOWN_AT, "in_service": False})
    taken, given = await asyncio.gather(out, scheduling.schedule(sets=["set-1"]))
    assert sorted([taken.status_code // 100, given.status_code // 100]) == [2, 4]


async def test_one_key_sent_by_many_makes_one_visit(scheduling: Scheduling) -> None:
    body = visit(sets=1)
    answers = await asyncio.gather(
        *(scheduling.ask("POST", "/visits", body, idempotency_key="satu") for _ in range(AT_ONCE))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["visit_id"] for answer in answers}) == 1
    assert len(await scheduling.outbox()) == 1
