"""Work on many records, cut into slices: HTTP, relay and heartbeats of the same process have their turns between."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")
SLICE: Final = 250  # records; a thread instead would take turns at every bytecode, which costs 2 µs a record


async def slices(items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    """The items in order, some at a time; everything else that waits for the loop goes on before each further slice."""
    for start in range(0, len(items), SLICE):
        if start:
            await asyncio.sleep(0)
        yield items[start : start + SLICE]
