"""Campaigns as they change: who watches one is told, and what they see is read once for all of them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

from exactly_once import Connection, Pool
from reporting import changes
from reporting.coverage.answer import coverage
from reporting.coverage.model import Coverage
from reporting.decisions import store as decisions
from reporting.moment import Moment, moment, reading
from reporting.schools.store import schools
from reporting.targets import store as targets
from reporting.targets.rules import Plan, in_force
from reporting.visits.store import visits

logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """Everything that streams and pages show of a campaign at one moment."""

    moment: Moment
    coverage: Coverage
    by_day: Coverage
    by_kind: Coverage
    by_domicile: Coverage
    schools: dict[str, dict[str, Any]]
    visits: list[dict[str, Any]]
    decisions: list[decisions.Sort]
    plan: Plan


async def view(tx: Connection, at: Moment) -> View:
    """Reads it, in the caller's transaction."""
    slug, known_at = at.campaign.campaign, at.asked_known_at
    return View(
        moment=at,
        coverage=await coverage(tx, at, "group"),
        by_day=await coverage(tx, at, "day"),
        by_kind=await coverage(tx, at, "kind"),
        by_domicile=await coverage(tx, at, "domicile"),
        schools=await schools(tx, slug, known_at),
        visits=await visits(tx, slug, known_at),
        decisions=await decisions.counts(tx, slug),
        plan=in_force(await targets.decisions(tx, slug), at.as_of, known_at),
    )


@dataclass
class _Watched:
    """A campaign that somebody watches."""

    bells: set[asyncio.Event] = field(default_factory=set)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    seen: View | None = None
    read_at: float = float("-inf")
    stale: bool = True

    def ring(self) -> None:
        """What was seen may be old: look again."""
        self.stale = True
        for bell in self.bells:
            bell.set()


class Live:
    """Component: hears of changes by NOTIFY, which is a hint, and reads revisions every `poll` seconds behind it."""

    name = "live"

    def __init__(self, pool: Pool, dsn: str, *, interval: float, heartbeat: float, poll: float) -> None:
        """`interval`: the least time between two views of a campaign; `heartbeat`: of silence. All are seconds."""
        self._pool, self._dsn = pool, dsn
        self._interval, self._heartbeat, self._poll = interval, heartbeat, poll
        self._watched: dict[str, _Watched] = {}

    def problems(self) -> list[str]:
        """None: without its connection streams are slower, not wrong."""
        return []

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._listen()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                logger.warning("listening is interrupted: %s", type(error).__name__)
            await asyncio.sleep(self._poll)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(
            self._dsn, timeout=5, command_timeout=5, server_settings={"application_name": "reporting-live"}
        )
        try:
            await connection.add_listener(changes.CHANNEL, self._told)
            while True:
                known = await changes.revisions(connection, list(self._watched))
                for campaign, watched in self._watched.items():
                    if watched.seen is not None and watched.seen.moment.revision != known.get(campaign):
                        watched.ring()
                await asyncio.sleep(self._poll)
        finally:
            connection.terminate()

    def _told(self, _connection: object, _pid: int, _channel: str, campaign: object) -> None:
        if watched := self._watched.get(str(campaign)):
            watched.ring()

    async def follow(self, campaign: str) -> AsyncGenerator[View | None]:
        """The campaign as it is, then each time that it has changed; None after a time of silence.

        Changes in quick succession are seen as one. Raises UnknownCampaign at the first step.
        """
        with self._watch(campaign) as (watched, bell):
            seen = await self._view(campaign, watched)
            yield seen
            while True:
                rung = await _rings(bell, self._heartbeat)
                bell.clear()
                current = await self._view(campaign, watched)
                if current.moment.revision != seen.moment.revision or (not rung and _further(current, seen)):
                    yield current
                elif not rung:
                    yield None
                seen = current

    async def _view(self, campaign: str, watched: _Watched) -> View:
        """What is to be seen; read again when it may be old, but not within `interval` of the last time."""
        now = asyncio.get_running_loop().time
        async with watched.reading:
            age = now() - watched.read_at
            if watched.seen is not None and not watched.stale and age < self._heartbeat / 2:
                return watched.seen
            await asyncio.sleep(max(0.0, self._interval - age))
            watched.stale = False  # from here on a change rings again
            async with reading(self._pool) as tx:
                watched.seen = await view(tx, await moment(tx, campaign))
            watched.read_at = now()
            return watched.seen

    @contextlib.contextmanager
    def _watch(self, campaign: str) -> Iterator[tuple[_Watched, asyncio.Event]]:
        watched, bell = self._watched.setdefault(campaign, _Watched()), asyncio.Event()
        watched.bells.add(bell)
        try:
            yield watched, bell
        finally:
            watched.bells.discard(bell)
            if not watched.bells:
                self._watched.pop(campaign, None)


async def _rings(bell: asyncio.Event, within: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            await bell.wait()
    return bell.is_set()


def _further(current: View, seen: View) -> bool:
    return current.moment.complete_through != seen.moment.complete_through
