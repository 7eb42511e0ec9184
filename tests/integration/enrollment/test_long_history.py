"""A person with a hundred thousand submissions: what is new costs what it costs of anybody. Work is counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from enrollment.persons import revisions, store
from enrollment.persons.handlers import Operation, operate
from enrollment.persons.revisions import KnownPerson
from enrollment.persons.rules import Decision, Person, State
from enrollment.persons.store import Key
from exactly_once import Batch, Connection, Received
from tests.integration.enrollment.world import CAMPAIGN, URL, Counter, World, at, nik

MANY = 100_000
LITTLE = 1_000  # blocks: what a handful of look-ups in indexes reads, with room to spare

# All duplicates, as the service would have kept them.
HISTORY = """
    CREATE TEMPORARY TABLE added AS
    SELECT n, gen_random_uuid() AS id, recorded_at + n * interval '1 second' AS at
      FROM enrollment.submission, generate_series(1, {many}) AS n WHERE submission_id = '{first}';

    INSERT INTO enrollment.submission (
           campaign, submission_id, content_sha256, device_id, device_seq, kind, place, family_card, birth_certificate,
           kid, recorded_at, recorded_on, received_at)
    SELECT campaign, added.id, content_sha256, device_id, n + 1000, kind, place, family_card, birth_certificate,
           kid, at, recorded_on, received_at
      FROM enrollment.submission, added WHERE submission_id = '{first}';

    INSERT INTO enrollment.person_submission (campaign, submission_id, person_id, recorded_at, held)
    SELECT campaign, added.id, person_id, at, false
      FROM enrollment.person_submission, added WHERE submission_id = '{first}';

    INSERT INTO enrollment.submission_decision_revision (
           campaign, id, revision, known_at, type, data, device_id, device_position)
    SELECT campaign, added.id, 1, known_at, type, '{{"outcome": "duplicate"}}', device_id, n + 1000
      FROM enrollment.submission_decision_revision AS decision, added WHERE decision.id = '{first}';

    UPDATE enrollment.device SET last_position = 1000000;
"""
# Of this transaction, tables and indexes alike.
BLOCKS = """
    SELECT sum(pg_stat_get_xact_blocks_fetched(oid))::bigint FROM pg_class
     WHERE relnamespace IN ('enrollment'::regnamespace, 'exactly_once'::regnamespace)
"""


@asynccontextmanager
async def reading(world: World) -> AsyncIterator[tuple[Connection, Callable[[], Awaitable[int]]]]:
    """A transaction, and how many blocks it has read so far."""
    async with world.pool.acquire() as tx, tx.transaction():

        async def blocks() -> int:
            return int(await tx.fetchval(BLOCKS))

        yield tx, blocks


async def blocks_of(world: World, *messages: Received[Any]) -> int:
    """What a batch reads."""
    async with reading(world) as (tx, blocks):
        before = await blocks()
        await world.intake(tx, Batch(list(messages)))
        return await blocks() - before


async def burdened(world: World, many: int) -> tuple[Counter, Received[Any]]:
    """A counter, and the first of so many submissions of somebody."""
    await world.open()
    counter = await world.counter()
    first = counter.submission(nik(1), at(2), replayed_at=at(20), group="npsn:20533456")
    assert await world.handle(first) == []
    await world.owner.execute(HISTORY.format(first=first.event.submission_id, many=many))
    return counter, first


load = store.load


async def much(tx: Connection, keys: Collection[Key]) -> dict[Key, KnownPerson]:
    """The control: reads a tenth of what was ever submitted of each."""
    for key in keys:
        await store.page(tx, key, None, MANY // 10)
    return await load(tx, keys)


async def test_a_hundred_thousand_submissions_of_one_slow_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    counter, first = await burdened(world, MANY)
    for day in (21, 22):
        others = [counter.submission(nik(10 * day + number), at(3), replayed_at=at(day)) for number in range(10)]
        of_others = await blocks_of(world, *others)
        later = [counter.submission(nik(1), at(3 + number), replayed_at=at(day)) for number in range(10)]
        assert await blocks_of(world, *later) < of_others + LITTLE
        await world.owner.execute("ANALYZE")  # and once more, with plans that know how many they are
    earlier = counter.submission(nik(1), at(1), replayed_at=at(23), group="npsn:20533457")
    assert await blocks_of(world, earlier) < LITTLE
    assert {await world.decision(message) for message in later} == {("duplicate", None)}
    assert (await world.decision(earlier), await world.decision(first)) == (("counted", None), ("duplicate", None))

    monkeypatch.setattr(store, "load", much)
    assert await blocks_of(world, counter.submission(nik(1), at(4), replayed_at=at(24))) > MANY // 10


async def test_what_the_office_does_to_such_a_person_reads_as_little(world: World) -> None:
    _, first = await burdened(world, MANY)
    key = (CAMPAIGN, await world.person_id(first))
    for number, doing in enumerate(
        [
            Operation("void", "x"),
            Operation("void", "x"),
            Operation("restore", "x"),
            Operation("restore", "x", submission_id=first.event.submission_id),
            Operation("reattribute", "x", group="outside:mutasi"),
        ]
    ):
        async with reading(world) as (tx, blocks):
            before = await blocks()
            person = await operate(tx, key, doing, at(22, number))
            assert await blocks() - before < LITTLE, doing
        assert person.state is not None and person.state.counts
    assert person.state == State(True, "outside:mutasi", first.event.submission_id)


async def test_such_a_person_is_read_in_pages(world: World) -> None:
    _, first = await burdened(world, 2500)
    url = f"{URL}/recordings/{await world.person_id(first)}"
    page = (await world.http.get(url)).json()
    assert (len(page["submissions"]), page["submissions"][0]["outcome"]) == (100, "counted")
    assert page["next"] == page["submissions"][-1]["submission_id"]
    seen, after = page["submissions"], page["next"]
    while after:
        page = (await world.http.get(url, params={"limit": 1000, "after": after})).json()
        seen, after = seen + page["submissions"], page.get("next")
    assert [one["recorded_at"] for one in seen] == sorted(one["recorded_at"] for one in seen)
    assert len({one["submission_id"] for one in seen}) == len(seen) == 2501
    async with reading(world) as (tx, blocks):
        before = await blocks()
        assert len(await store.page(tx, (CAMPAIGN, page["person_id"]), seen[2000]["submission_id"], 10)) == 10
        assert await blocks() - before < LITTLE


async def test_many_of_one_person_in_one_batch_are_compared_with_one_each(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is the earliest so far: that is the most there is to decide."""
    await world.open()
    counter = await world.counter()
    compared: list[int] = []
    fold = revisions.decisions

    def counted(person: Person) -> Mapping[str, Decision]:
        compared.append(len(person.submissions))
        return fold(person)

    def batch(day: int) -> list[Received[Any]]:
        return [counter.submission(nik(1), at(day, 9, 59 - n), replayed_at=at(20)) for n in range(60)]

    monkeypatch.setattr(revisions, "decisions", counted)
    assert await world.handle(*batch(3)) == []
    assert sum(compared) <= 2 * 60

    compared.clear()
    monkeypatch.setattr(revisions.KnownPerson, "settled", lambda known: known)  # the control
    assert await world.handle(*batch(2)) == []
    assert sum(compared) > 60 * 60 / 2
