"""Ctrl-C and SIGTERM end a command at a place where its summary is true."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable, Iterator
from types import FrameType
from typing import Self, TypeVar

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Notes a signal instead of raising it; a second Ctrl-C ends at once."""

    def __init__(self) -> None:
        self.happened = False

    def __enter__(self) -> Self:
        self._before = [(number, signal.signal(number, self._note)) for number in SIGNALS]
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before:
            signal.signal(number, handler)

    def stops(self, items: Iterable[T]) -> Iterator[T]:
        """The items until the signal came."""
        for item in items:
            if self.happened:
                return
            yield item

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        if self.happened:
            raise KeyboardInterrupt
        self.happened = True


def until_interrupted(work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
    """Run asynchronous work that ends soon after its event was set."""

    async def running() -> T:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, stop.set)
        return await work(stop)

    return asyncio.run(running())
