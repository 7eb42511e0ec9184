"""How a command is done: once per key, one transaction, alone in its campaign, at an instant of its own."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from chassis.bodies import Command
from chassis.commands import Answer, fingerprint, idempotent, require_compared
from chassis.db import Pool
from chassis.problems import INVALID, NOT_FOUND, REFUSED, Problem
from contracts.schools import CampaignOpened
from exactly_once import Connection, OwnTopics, decision_instant
from scheduling.campaigns import store
from scheduling.refusal import Refused

Act = Callable[[Connection, CampaignOpened, datetime], Awaitable[Answer]]


class Commands:
    """Does commands against the database of `pool`, while `own` vouches for it."""

    def __init__(self, pool: Pool, own: OwnTopics) -> None:
        self._pool, self._own = pool, own

    async def do(self, request: Request, campaign: str, key: str | None, body: Command, act: Act) -> Response:
        """Calls `act` with the campaign locked and the instant of the decision. Raises Problem."""
        require_compared(self._own.compared)
        content = fingerprint(request.method, request.url.path, await request.body())

        async with self._pool.acquire() as tx, tx.transaction():

            async def command() -> Answer:
                opened = await store.lock(tx, campaign)
                if opened is None:
                    raise unknown_campaign()
                body.check_address(campaign=campaign)
                return await act(tx, opened, await decision_instant(tx, body.replayed_at(opened.clock)))

            try:
                return (await idempotent(tx, f"campaign {campaign}", key, content, command)).response()
            except Refused as refused:
                raise problem(refused) from refused


def unknown_campaign() -> Problem:
    """What every address of a campaign answers that has not been heard of."""
    return Problem(
        NOT_FOUND,
        "This campaign is not known here: either enrollment has not opened it, or the event that says so "
        "has not yet arrived over the topic `schools`. Try again in a moment.",
        reason="unknown_campaign",
    )


def problem(refused: Refused) -> Problem:
    """The answer that a refusal is: 422 where the body itself is wrong, 409 where it clashes with how things are."""
    members = dict(refused.members)
    if refused.at:
        members["errors"] = [{"pointer": at, "detail": refused.detail} for at in refused.at]
    return Problem(INVALID if refused.at else REFUSED, refused.detail, reason=refused.reason, **members)
