"""Campaigns as they change: who watches one is notified; what they see is read, and shown, once for all of them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import asyncpg

from exactly_once import Pool
from exactly_once.errors import OUTAGE, in_a_line
from reporting.projection import changes
from reporting.questions.reading import hear, moment, read, snapshot
from reporting.questions.view import View, view
from reporting.settings import Pace

logger: Final = logging.getLogger(__name__)

# What a client is sent that has seen one view and is to see another; None: it has seen none.
Render: TypeAlias = Callable[[View | None, View], str]


@dataclass
class _Watched:
    """A campaign that somebody watches, as it was last read."""

    watchers: set[asyncio.Event] = field(default_factory=set)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    seen: View | None = None
    read_at: float = float("-inf")
    stale: bool = True
    rendered: dict[tuple[Render, View | None], str] = field(default_factory=dict)  # all of them show `seen`

    def notify(self) -> None:
        """What was seen may be old: whoever watches looks again."""
        self.stale = True
        for watcher in self.watchers:
            watcher.set()

    def render(self, how: Render, before: View | None, now: View) -> str:
        """The same text for all clients that have seen the same; one that lags behind gets a text of its own."""
        if now is not self.seen:
            return how(before, now)
        if (how, before) not in self.rendered:
            self.rendered[how, before] = how(before, now)
        return self.rendered[how, before]


class Live:
    """Component: hears of changes by NOTIFY, which is a hint, and reads revisions every `poll` seconds behind it."""

    name = "live"

    def __init__(self, pool: Pool, dsn: str, pace: Pace) -> None:
        self._pool, self._dsn, self._pace = pool, dsn, pace
        self._watched: dict[str, _Watched] = {}

    def problems(self) -> list[str]:
        """None: without its connection streams are slower, not wrong."""
        return []

    async def run(self) -> None:
        """Listens until it is cancelled; begins again after an outage."""
        while True:
            try:
                await self._listen()
            except OUTAGE as error:
                logger.warning("listening is interrupted: %s", in_a_line(error))
            await asyncio.sleep(self._pace.poll)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(
            self._dsn, timeout=5, command_timeout=5, server_settings={"application_name": "reporting-live"}
        )
        try:
            await connection.add_listener(changes.CHANNEL, self._notified)
            while True:
                revisions = await changes.revisions(connection, list(self._watched))
                for campaign, watched in self._watched.items():
                    if watched.seen is not None and watched.seen.moment.revision != revisions.get(campaign):
                        watched.notify()
                await asyncio.sleep(self._pace.poll)
        finally:
            connection.terminate()

    def _notified(self, _connection: object, _pid: int, _channel: str, campaign: object) -> None:
        if watched := self._watched.get(str(campaign)):
            watched.notify()

    async def follow(self, campaign: str, render: Render, have: str = "") -> AsyncGenerator[str]:
        """What a client is sent of the campaign as it is, then each time that it has changed; '' after silence.

        Changes in quick succession are shown as one. A client that has the revision `have` is sent only what changes.
        Raises Unknown at the first step.
        """
        with self._watch(campaign) as (watched, watcher):
            before = seen = await self._view(campaign, watched)
            yield "" if str(seen.moment.revision) == have else watched.render(render, None, seen)
            while True:
                notified = await _notified_within(watcher, self._pace.heartbeat)
                watcher.clear()
                current = await self._view(campaign, watched)
                moved = current.moment.revision != seen.moment.revision
                if moved or (not notified and current.moment.watermark != seen.moment.watermark):
                    yield watched.render(render, before, current)
                    before = current
                elif not notified:
                    yield ""
                seen = current

    async def _view(self, campaign: str, watched: _Watched) -> View:
        """What is to be seen; read again when it may be old, but not within `interval` of the last time."""
        now = asyncio.get_running_loop().time
        async with watched.reading:
            age = now() - watched.read_at
            if watched.seen is not None and not watched.stale and age < self._pace.heartbeat / 2:
                return watched.seen
            await asyncio.sleep(max(0.0, self._pace.interval - age))
            watched.stale = False  # from here on a change notifies again
            async with snapshot(self._pool) as tx:
                at = await moment(tx, await hear(tx, campaign), None, None)
                if watched.seen is None or watched.seen.moment != at:  # every change of what is shown moves the moment
                    watched.seen, watched.rendered = await view(await read(tx, at)), {}
            watched.read_at = now()
            assert watched.seen is not None
            return watched.seen

    @contextlib.contextmanager
    def _watch(self, campaign: str) -> Iterator[tuple[_Watched, asyncio.Event]]:
        watched, watcher = self._watched.setdefault(campaign, _Watched()), asyncio.Event()
        watched.watchers.add(watcher)
        try:
            yield watched, watcher
        finally:
            watched.watchers.discard(watcher)
            if not watched.watchers:
                self._watched.pop(campaign, None)


async def _notified_within(watcher: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await watcher.wait()
    return watcher.is_set()
