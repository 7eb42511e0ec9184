"""Batches and offices at work at the same time: nobody waits in a circle, nothing is lost, the fold holds."""

from __future__ import annotations

import asyncio
import itertools
import random
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import uuid4

import asyncpg

from enrollment.identity.keys import SealingKeys
from enrollment.submissions import store
from enrollment.submissions.facts import Facts
from exactly_once import Batch, OwnTopics, Received
from tests.integration.enrollment.audit import audit
from tests.integration.enrollment.world import CAMPAIGN, World, at, nik
from tests.support import until


async def test_many_batches_and_voids_on_the_same_people_end_as_the_fold(world: World) -> None:
    """Six owners and an office, twelve people, four devices: every deadlock would be an error here."""
    chance = random.Random(20241127)
    await world.open()
    counters = [await world.counter(f"device-{number}") for number in range(4)]

    def submission() -> Received[Any]:
        return chance.choice(counters).submission(
            nik(1 + chance.randrange(12)),
            at(chance.randrange(1, 28), chance.randrange(24)),
            group=chance.choice([None, "npsn:20533456", "npsn:20533457"]),
        )

    batches = [[submission() for _ in range(chance.randrange(5, 25))] for _ in range(24)]
    batches += [chance.sample(batches[0] + batches[1], 8)]  # the same once more, elsewhere
    answered: list[int] = []
    done = asyncio.Event()

    async def own(mine: list[list[Received[Any]]]) -> None:
        for batch in mine:
            assert await world.handle(*batch) == []

    async def office() -> None:
        while not done.is_set():
            persons = await until(lambda: world.pool.fetch("SELECT person_id::text FROM enrollment.person"))
            verb = chance.choice(["void", "void", "restore", "reattribute"])
            body: dict[str, Any] = {"reason": "at the same time", "known_at": at(5).isoformat()}
            if verb == "reattribute":
                body["group"] = "outside:mutasi"
            person_id = chance.choice(persons)[0]
            answer = await world.http.post(f"/v1/campaigns/{CAMPAIGN}/recordings/{person_id}/{verb}", json=body)
            assert answer.status_code in (200, 409), answer.text
            answered.append(answer.status_code)

    offices = [asyncio.create_task(office()) for _ in range(2)]
    await asyncio.gather(*(own(batches[number::6]) for number in range(6)))
    done.set()
    await asyncio.gather(*offices)
    states = await audit(world.pool)
    assert len(states) == 12
    assert 200 in answered


async def test_the_same_batch_by_two_owners_at_once_counts_once(world: World) -> None:
    await world.open()
    counter = await world.counter()
    batch = [counter.submission(nik(number)) for number in range(1, 301)]
    await asyncio.gather(*(world.handle(*same) for same in (batch, batch[::-1], batch, batch[::-1])))
    assert len(await world.published("recording-")) == 300
    await audit(world.pool)


async def test_the_same_submissions_claimed_at_once_are_new_to_one_only(world: World) -> None:
    """Whole batches of the same, in other orders: who comes second waits, and never in a circle."""
    chance = random.Random(5)
    await world.open()
    counter = await world.counter()
    event = counter.submission().event
    facts = [
        Facts(event.model_copy(update={"submission_id": str(uuid4())}), bytes(32), date(2024, 10, 1), at(1))
        for _ in range(100)
    ]

    async def claim() -> int:
        mine = chance.sample(facts, len(facts))
        async with world.pool.acquire() as tx, tx.transaction():
            return len(await store.claim(tx, mine))

    async with world.pool.acquire() as tx:
        transaction = tx.transaction()
        await transaction.start()
        await store.claim(tx, [sorted(facts, key=lambda one: one.event.submission_id)[50]])
        claims = [asyncio.create_task(claim()) for _ in range(4)]
        await until_waiting(world.pool, 4)  # all of them are in the midst of it
        await transaction.rollback()
    assert sorted(await asyncio.gather(*claims)) == [0, 0, 0, 100]


async def test_two_contents_under_one_id_at_once_make_one_person(world: World) -> None:
    """The id is claimed before a person is made of it: two people may never get one person_id."""
    await world.open()
    counter = await world.counter()
    for number in range(10):
        mine = counter.submission(nik(100 + number))
        other = counter.submission(nik(200 + number), submission_id=mine.event.submission_id)
        reasons = await asyncio.gather(world.handle(mine), world.handle(other))
        assert sorted(map(len, reasons)) == [0, 1]
    assert await world.pool.fetchval("SELECT count(*) FROM enrollment.citizen") == 10
    await audit(world.pool)


async def test_what_is_not_committed_is_not_decided(world: World) -> None:
    await world.open()
    counter = await world.counter()
    message = counter.submission()
    async with world.pool.acquire() as tx:
        transaction = tx.transaction()
        await transaction.start()
        await world.intake(tx, Batch([message]))
        await transaction.rollback()
    assert await world.published("recording-", "decided") == []
    assert await world.handle(message) == []
    assert await world.decision(message) == ("counted", None)
    await audit(world.pool)


async def test_a_device_never_misses_a_decision_that_is_committed_late(world: World) -> None:
    """Whoever has read position n never finds a smaller one later, however the commits fall."""
    await world.open()
    counter = await world.counter()
    first = counter.submission(nik(1))
    await world.handle(first)
    slow = counter.submission(nik(2))
    async with world.pool.acquire() as tx, tx.transaction():
        await world.intake(tx, Batch([slow]))  # decided, not committed
        voiding = asyncio.create_task(world.office("void", first, known_at=at(6)))
        await until_waiting(world.pool)
        seen = (await world.http.get("/v1/devices/mpp-1/decisions")).json()
        assert [one["outcome"] for one in seen["decisions"]] == ["counted"]
    assert (await voiding).status_code == 200
    rest = (await world.http.get("/v1/devices/mpp-1/decisions", params={"after": seen["next"]})).json()
    assert [(one["outcome"], one.get("reason")) for one in rest["decisions"]] == [
        ("counted", None),
        ("rejected", "voided"),
    ]
    end = (await world.http.get("/v1/devices/mpp-1/decisions", params={"after": rest["next"]})).json()
    assert (end["decisions"], end["next"]) == ([], rest["next"])


async def test_a_reader_under_load_gets_every_decision_once_and_in_order(world: World) -> None:
    await world.open()
    counter = await world.counter()
    done = asyncio.Event()
    seen: list[tuple[str, int]] = []

    async def read() -> None:
        after, last = "0", False
        while not last:
            last = done.is_set()
            page = (await world.http.get("/v1/devices/mpp-1/decisions", params={"after": after, "limit": 7})).json()
            seen.extend((one["submission_id"], one["revision"]) for one in page["decisions"])
            last = last and not page["decisions"]
            after = page["next"]

    async def write(days: list[int]) -> None:
        for day in days:
            await world.handle(*(counter.submission(nik(number), at(day)) for number in (1, 2, 3)))

    reading = asyncio.create_task(read())
    await asyncio.gather(write([20, 10, 5]), write([18, 8, 4]), write([16, 6, 3]))
    done.set()
    await reading
    stored = await world.pool.fetch(
        "SELECT id, revision FROM enrollment.submission_decision_revision ORDER BY device_position"
    )
    assert seen == [tuple(row) for row in stored]
    assert len(set(seen)) == len(seen) >= 27
    await audit(world.pool)


async def test_the_days_of_a_campaign_cannot_change_under_a_batch(world: World) -> None:
    """Either the change comes first and the batch is judged by it, or the batch does and the change is refused."""
    body = {
        "name": "Pilkada", "region_code": "35.73", "zone": "Asia/Jakarta", "voting_day": "2024-11-27",
        "opens_on": "2024-10-15", "known_at": at(1).isoformat(),
    }  # fmt: skip
    await world.open()
    counter = await world.counter()
    async with world.pool.acquire() as tx, tx.transaction():
        await world.intake(tx, Batch([counter.submission(recorded_at=at(1))]))
        changing = asyncio.create_task(world.http.put(f"/v1/campaigns/{CAMPAIGN}", json=body))
        await until_waiting(world.pool)
        assert not changing.done()
    assert (await changing).status_code == 409


async def test_keys_are_made_once_however_many_start_together(world: World) -> None:
    answers = await asyncio.gather(*(world.http.get("/v1/keyset") for _ in range(8)))
    assert len({answer.text for answer in answers}) == 1
    assert await world.pool.fetchval("SELECT count(*) FROM enrollment.sealing_key") == 1


async def test_no_key_is_made_or_told_in_a_database_that_may_be_another(world: World) -> None:
    """An empty one by mistake: what counters sealed to a key of its own could never be opened again."""
    own, keys = (
        part for kind in (OwnTopics, SealingKeys) for part in world.app.components["api"] if isinstance(part, kind)
    )
    own.invalidate()
    opening = asyncio.create_task(keys.run())

    async def opened() -> bool:
        return not keys.problems()

    await until(opened)
    assert (await world.http.get("/v1/keyset")).status_code == 503
    assert await world.pool.fetchval("SELECT count(*) FROM enrollment.sealing_key") == 0
    opening.cancel()


async def until_waiting(pool: asyncpg.Pool, sessions: int = 1) -> None:
    """Until so many sessions of this database wait for a lock."""

    async def waiting() -> bool:
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return int(await pool.fetchval(count)) >= sessions

    await until(waiting)


async def test_a_counter_whose_folder_was_copied_is_told_at_both(world: World) -> None:
    await world.open()
    original = await world.counter()
    copy = replace(original, numbers=itertools.count(2))
    first = original.submission(nik(1))
    await world.handle(first)
    both = [original.submission(nik(2)), copy.submission(nik(3))]
    assert {message.event.device_seq for message in both} == {2}
    again = both[0]  # a folder restored from a backup sends the very same: that is no copy at work
    await world.handle(first, *both, again)
    seen = (await world.http.get("/v1/devices/mpp-1/decisions")).json()
    assert seen["numbers_twice"] == [2]
    assert [decision["outcome"] for decision in seen["decisions"]] == ["counted"] * 3, "nobody is lost by it"
    page = (await world.http.get("/v1/devices/mpp-1/decisions", params={"limit": 1})).json()
    assert "numbers_twice" not in page, "asked once, on the last page"


async def test_a_submission_that_comes_twice_is_no_copied_folder(world: World) -> None:
    await world.open()
    counter = await world.counter()
    message = counter.submission(nik(1))
    await world.handle(message)
    await world.handle(message)
    assert "numbers_twice" not in (await world.http.get("/v1/devices/mpp-1/decisions")).json()


async def test_a_clock_that_was_set_back_is_listed_for_review(world: World) -> None:
    await world.open()
    counter = await world.counter()
    first, back = counter.submission(nik(1), at(9, 8)), counter.submission(nik(2), at(6, 8))
    rest = [
        counter.submission(nik(3), at(6, 9)),
        counter.submission(nik(4), at(2, 9), imported=True),  # an old list, on purpose
        counter.submission(nik(5), at(5, 9, 1)),
    ]
    for message in [back, *rest, first]:  # whatever order they come in
        await world.handle(message)
    seen = (await world.http.get("/v1/devices/mpp-1/decisions")).json()
    (pair,) = seen["clock_set_back"]
    assert (pair["device_seq"], pair["previous_seq"]) == (2, 1)
    assert [datetime.fromisoformat(pair[name]) for name in ("recorded_at", "previous_recorded_at")] == [
        at(6, 8), at(9, 8),
    ]  # fmt: skip
    assert [decision["outcome"] for decision in seen["decisions"]] == ["counted"] * 5, "a hint, never a refusal"
    page = (await world.http.get("/v1/devices/mpp-1/decisions", params={"limit": 1})).json()
    assert "clock_set_back" not in page, "asked once, on the last page"
    assert (await world.office("void", back)).status_code == 200
    assert "clock_set_back" not in (await world.http.get("/v1/devices/mpp-1/decisions")).json(), "settled"


async def test_a_day_is_the_limit_and_a_copied_folder_is_no_clock(world: World) -> None:
    await world.open()
    counter = await world.counter()
    copy = replace(counter, numbers=itertools.count(1))
    messages = [counter.submission(nik(number), at(15 - number, 8)) for number in (1, 2)]  # 24 hours
    messages += [counter.submission(nik(number), at(15 - number, 8, 1)) for number in (3, 4)]
    await world.handle(*messages)
    listed = (await world.http.get("/v1/devices/mpp-1/decisions")).json()["clock_set_back"]
    assert [pair["device_seq"] for pair in listed] == [4, 2]
    await world.handle(*(copy.submission(nik(10 + number), at(10 + number, 9)) for number in range(1, 5)))
    seen = (await world.http.get("/v1/devices/mpp-1/decisions")).json()
    assert seen["numbers_twice"] == [1, 2, 3, 4] and "clock_set_back" not in seen
