"""Dear questions take turns: few work at once, some wait for a moment, and whoever comes then is told to come again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from chassis.db import Busy
from exactly_once import Connection, Pool
from reporting.questions.reading import snapshot

AT_ONCE: Final = 2
WAITING: Final = 16
PATIENCE: Final = 5.0  # seconds
TOO_MANY: Final = "Too many questions about the past are being answered. Try again in a moment."


class Questions:
    """Where answers come from. A question is dear when its cost grows with the history of a campaign."""

    def __init__(self, pool: Pool) -> None:
        """A connection of the pool is always left to what is cheap."""
        self.pool = pool
        self._turns = asyncio.Semaphore(max(1, min(AT_ONCE, pool.get_max_size() - 1)))
        self._waiting = 0

    @asynccontextmanager
    async def snapshot(self, *, dear: bool) -> AsyncIterator[Connection]:
        """A transaction in which every query sees the same state, when it is its turn. Raises Busy."""
        if not dear:
            async with snapshot(self.pool) as tx:
                yield tx
            return
        await self._turn()
        try:
            async with snapshot(self.pool) as tx:
                yield tx
        finally:
            self._turns.release()

    async def _turn(self) -> None:
        if self._waiting >= WAITING:
            raise Busy(TOO_MANY)
        self._waiting += 1
        try:
            async with asyncio.timeout(PATIENCE):
                await self._turns.acquire()
        except TimeoutError:
            raise Busy(TOO_MANY) from None
        finally:
            self._waiting -= 1
