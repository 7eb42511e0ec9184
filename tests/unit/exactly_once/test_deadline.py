"""A cancellation is never lost, not even one that comes together with the answer."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from exactly_once.deadline import within


async def forgets(wait: Any) -> bool:
    answer = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(wait(answer))
    await asyncio.sleep(0)
    answer.set_result("late")
    waiting.cancel()
    await asyncio.wait([waiting])
    return not waiting.cancelled()


async def test_a_cancellation_is_not_lost_for_an_answer() -> None:
    assert not await forgets(lambda answer: within(10, answer))


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="mended in Python 3.12")
async def test_the_standard_library_of_this_python_loses_it() -> None:
    """The control, and why style forbids it."""
    assert await forgets(lambda answer: asyncio.wait_for(answer, 10))  # noqa: TID251


async def test_an_answer_that_does_not_come_in_time_is_an_error() -> None:
    with pytest.raises(TimeoutError):
        await within(0.01, asyncio.get_running_loop().create_future())
