"""A limit of time for one answer."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def within(seconds: float, answer: Awaitable[T]) -> T:
    """The answer; raises TimeoutError.

    asyncio.wait_for of Python 3.11 forgets a cancellation that comes together with the answer (CPython issue 81839):
    what should stop would go on.
    """
    async with asyncio.timeout(seconds):
        return await answer
