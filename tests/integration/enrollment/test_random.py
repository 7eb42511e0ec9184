"""Random histories, cut into batches at random: the tables equal the fold, and the cuts leave no trace."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from exactly_once import Received
from tests.integration.enrollment.audit import audit
from tests.integration.enrollment.world import CAMPAIGN, World, at, nik

PERSONS = 8


def happenings(chance: random.Random, world_counters: list[Any], number: int) -> list[Received[Any] | tuple[str, int]]:
    """Submissions with a growing replayed clock, some twice, some held; between them the office, by the person."""
    history: list[Received[Any] | tuple[str, int]] = []
    sent: list[Received[Any]] = []
    for step in range(number):
        kind = chance.random()
        if kind < 0.15 and sent:
            history.append(chance.choice(sent))
        elif kind < 0.35 and sent:
            history.append((chance.choice(["void", "restore", "reattribute"]), chance.randrange(PERSONS)))
        else:
            sent.append(
                chance.choice(world_counters).submission(
                    nik(1 + chance.randrange(PERSONS)),
                    at(chance.randrange(1, 25), chance.randrange(24), month=chance.choice([8, 10, 10, 10])),
                    replayed_at=at(25) + timedelta(minutes=step),
                    birth_date=chance.choice(["2007-05-17", "2007-05-17", "2007-12-01"]),
                    group=chance.choice([None, "outside:mutasi", "npsn:20533456", "npsn:20533457"]),
                )
            )
            history.append(sent[-1])
    return history


async def replay(world: World, chance: random.Random, history: list[Received[Any] | tuple[str, int]]) -> None:
    """In order, submissions that follow each other cut into batches at random."""
    batch: list[Received[Any]] = []
    for number, one in enumerate(history):
        if isinstance(one, tuple):
            await world.handle(*batch)
            batch = []
            await office(world, *one, number)
        else:
            batch.append(one)
            if chance.random() < 0.3:
                await world.handle(*batch)
                batch = []
    await world.handle(*batch)


async def office(world: World, verb: str, person: int, number: int) -> None:
    """To the n-th person in the order in which they were first seen."""
    rows = await world.pool.fetch(
        "SELECT person_id::text, min(device_seq) FROM enrollment.person_submission "
        "JOIN enrollment.submission USING (campaign, submission_id) GROUP BY person_id ORDER BY 1"
    )
    if not rows:
        return
    body = {"reason": "by chance", "known_at": (at(25) + timedelta(minutes=number)).isoformat()}
    if verb == "reattribute":
        body["group"] = "outside:pindah"
    person_id = rows[person % len(rows)][0]
    answer = await world.http.post(f"/v1/campaigns/{CAMPAIGN}/recordings/{person_id}/{verb}", json=body)
    assert answer.status_code in (200, 409), answer.text


@pytest.mark.parametrize("seed", range(6))
async def test_random_histories_equal_the_fold(world: World, seed: int) -> None:
    chance = random.Random(seed)
    await world.open()
    counters = [await world.counter(f"device-{number}") for number in range(3)]
    await replay(world, chance, happenings(chance, counters, 90))
    await audit(world.pool)


async def test_how_the_log_was_cut_into_batches_leaves_no_trace(world: World) -> None:
    chance = random.Random(7)
    await world.open()
    counters = [await world.counter(f"device-{number}") for number in range(3)]
    history = [one for one in happenings(chance, counters, 80) if isinstance(one, Received)]
    await replay(world, random.Random(1), history)
    once = await world.published("recording-", "decided")
    first = {(type(event), event.subject, event.revision): event for event in once}

    await forget(world)
    await world.handle(*history)
    again = {(type(e), e.subject, e.revision): e for e in await world.published("recording-", "decided")}
    assert again == first


async def test_any_order_ends_with_the_same_people_counting(world: World) -> None:
    chance = random.Random(11)
    await world.open()
    counters = [await world.counter(f"device-{number}") for number in range(3)]
    history = [one for one in happenings(chance, counters, 80) if isinstance(one, Received)]
    ends = []
    for _ in range(3):
        await replay(world, chance, history)
        states = await audit(world.pool)
        ends.append(sorted((s["submission_id"], s["group"], s["recorded_on"]) for s in states.values() if s["counts"]))
        chance.shuffle(history)
        await forget(world)
    assert ends[0] == ends[1] == ends[2]
    assert len(ends[0]) > 3


async def forget(world: World) -> None:
    """As a database from before the first submission."""
    tables = ["submission", "submission_decision_revision", "person_revision", "person_submission", "operation"]
    for table in tables:
        await world.owner.execute(f"ALTER TABLE enrollment.{table} DISABLE TRIGGER append_only")
    await world.owner.execute(f"TRUNCATE {', '.join('enrollment.' + t for t in [*tables, 'person', 'citizen'])}")
    await world.owner.execute("DELETE FROM exactly_once.outbox WHERE topic IN ('recordings', 'submission-decisions')")
    await world.owner.execute("UPDATE enrollment.device SET last_position = 0")
    for table in tables:
        await world.owner.execute(f"ALTER TABLE enrollment.{table} ENABLE TRIGGER append_only")
