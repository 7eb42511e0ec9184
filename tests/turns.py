"""How long a loop is kept busy without a pause, by its CPU: what everything else in the process waits for."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka import ConsumerRecord

from chassis.run import App
from contracts.envelope import Event, encode
from contracts.topics import TOPIC_OF
from exactly_once import Consumer, position

LONGEST = 0.05  # seconds


@contextmanager
def turns() -> Iterator[list[float]]:
    """The seconds of CPU of every turn of the running loop, in its own thread."""
    run, taken = asyncio.events.Handle._run, list[float]()

    def timed(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        try:
            run(handle)
        finally:
            taken.append(time.thread_time() - began)

    gc.collect()
    gc.disable()  # what the tests have left behind is not the product's
    asyncio.events.Handle._run = timed  # type: ignore[method-assign]
    try:
        yield taken
    finally:
        asyncio.events.Handle._run = run  # type: ignore[method-assign]
        gc.enable()


def record(event: Event, offset: int, partition: int = 0) -> Any:
    message, topic = encode(event, "test"), TOPIC_OF[type(event)].name
    return ConsumerRecord(
        topic, partition, offset, 0, 1, message.key, message.value, None, 0, 0, tuple(message.headers)
    )


async def apply(app: App, events: list[Event]) -> float:
    """Hands the events of one topic to the service's own consumer, as a batch of the log; returns the longest turn."""
    consumer = next(part for part in app.components["worker"] if isinstance(part, Consumer))
    topic = (TOPIC_OF[type(events[0])].name, 0)
    async with consumer._pool.acquire() as tx:
        positions = await position.load(tx, [topic])
    consumer._expected.read_back(positions)
    first = positions[0].next_offset
    records = [record(event, first + number) for number, event in enumerate(events)]
    with turns() as taken:
        await asyncio.sleep(0)  # from the next turn on they are counted
        await consumer._applier.apply(records, await consumer._applier.decode(records))
    return max(taken)
