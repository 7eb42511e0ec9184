"""Computing for many records, beside the loop: HTTP, relay and heartbeats of the same process go on meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")
MANY: Final = 200  # fewer are done sooner than a thread has begun


async def aside(compute: Callable[[], T], count: int) -> T:
    """What `compute` returns; in a thread when it is for many. It must not touch what the loop changes meanwhile."""
    return await asyncio.to_thread(compute) if count >= MANY else compute()
