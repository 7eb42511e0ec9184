"""How a command is done: once per key, in one transaction, at an instant of its own."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from chassis.bodies import Command
from chassis.commands import Answer, fingerprint, idempotent, require_compared
from chassis.conditional import etag
from chassis.db import Pool
from chassis.problems import NOT_FOUND, Problem
from contracts.envelope import Fact
from contracts.schools import CampaignOpened, Clock
from enrollment.schools import store as schools
from exactly_once import Connection, OwnTopics, decision_instant

Act = Callable[[Connection, CampaignOpened], Awaitable[Answer]]


class Commands:
    """Does commands against the database of `pool`, while `own` vouches for it."""

    def __init__(self, pool: Pool, own: OwnTopics) -> None:
        self._pool, self._own = pool, own

    def require_compared(self) -> None:
        """Raises Problem(UNAVAILABLE) unless the database is known to be the one that all was published from."""
        require_compared(self._own.compared)

    async def once(
        self, request: Request, scope: str, key: str | None, command: Callable[[Connection], Awaitable[Answer]]
    ) -> Response:
        """Does it in a transaction, and only once for each key of a scope."""
        self.require_compared()
        content = fingerprint(request.method, request.url.path, await request.body())
        async with self._pool.acquire() as tx, tx.transaction():
            return (await idempotent(tx, scope, key, content, lambda: command(tx))).response()

    async def do(self, request: Request, campaign: str, key: str | None, body: Command, act: Act) -> Response:
        """A command to a campaign that exists."""

        async def command(tx: Connection) -> Answer:
            opened = await opened_campaign(tx, campaign)
            body.check_address(campaign=campaign)
            return await act(tx, opened)

        return await self.once(request, f"campaign {campaign}", key, command)


async def opened_campaign(tx: Connection, campaign: str) -> CampaignOpened:
    """The campaign as it is now. Raises Problem when there is none."""
    opened = await schools.campaign_now(tx, campaign)
    if opened is None:
        raise Problem(NOT_FOUND, "There is no such campaign: PUT it first.")
    return opened


async def decided_at(tx: Connection, clock: Clock, body: Command) -> datetime:
    """The instant of a decision: to be asked for under the locks that the decision needs."""
    return await decision_instant(tx, body.replayed_at(clock))


def answer(fact: Fact, status: int) -> Answer:
    """A fact as it is now, under its revision."""
    return Answer(status, fact.model_dump(mode="json", exclude_none=True), {"ETag": etag(fact.revision)})
