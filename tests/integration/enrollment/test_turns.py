"""Neither a batch keeps requests waiting nor requests a batch, though one loop and one database serve both."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from exactly_once import Consumer, position
from tests.integration.enrollment.world import World, at, nik
from tests.turns import LONGEST, turns


@pytest.mark.parametrize("persons", [1, 500])
async def test_a_large_batch_takes_no_long_turn(persons: int, world: World) -> None:
    await world.open()
    counter = await world.counter()
    messages = [
        counter.submission(nik(1 + number % persons), at(20, 9, 59 - number % 60), replayed_at=at(25))
        for number in range(world.settings.tuning.max_records)
    ]
    assert len(messages) == 500
    with turns() as taken:
        assert await world.handle(*messages) == []
    assert max(taken) < LONGEST


async def test_requests_that_hold_every_connection_hold_up_no_batch(world: World) -> None:
    await world.open()
    message = (await world.counter()).submission()
    consumer = next(part for part in world.app.components["worker"] if isinstance(part, Consumer))
    topic, offset = message.record.topic, message.record.offset
    async with world.pool.acquire() as tx:
        await position.decide(tx, topic, 0, offset, "the test's log begins here")
        consumer._expected.read_back(await position.load(tx, [(topic, 0)]))
    async with AsyncExitStack() as held:
        for _ in range(world.settings.database_pool_size):
            await held.enter_async_context(world.pool.acquire())
        await consumer._applier.apply([message.record], await consumer._applier.decode([message.record]))
    assert await world.decision(message) == ("counted", None)
