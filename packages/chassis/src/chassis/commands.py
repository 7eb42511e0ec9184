"""How a command is done: once per `Idempotency-Key`, in one transaction, at an instant of its own."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final

from fastapi import Header
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis import audit
from chassis.access import Access
from chassis.bodies import Command
from chassis.conditional import etag
from chassis.problems import KEY_REUSED, UNAVAILABLE, Problem
from contracts.envelope import Fact
from contracts.schools import CampaignOpened
from exactly_once import Connection, OwnTopics, Pool, decision_instant
from exactly_once.decider import DECIDED_BY

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]([ -~]*[!-~])?$",
        description="Chosen by the client, new for each command: sent again, the command is done once.",
    ),
]

_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
_FIND: Final = "SELECT request_sha256, status, headers, body FROM chassis.idempotency WHERE scope = $1 AND key = $2"
_KEEP: Final = """
INSERT INTO chassis.idempotency (scope, key, request_sha256, status, headers, body) VALUES ($1, $2, $3, $4, $5, $6)
"""
_PURGE: Final = """
DELETE FROM chassis.idempotency WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM chassis.idempotency WHERE created_at < now() - interval '7 days' LIMIT 100 FOR UPDATE SKIP LOCKED
))
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answers: a status, a JSON body, headers as `ETag` and `Location`."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        return JSONResponse(self.body, self.status, self.headers)


def answer(fact: Fact, status: int = 200, **headers: str) -> Answer:
    """A fact as it is now, under its revision."""
    return Answer(status, fact.model_dump(mode="json", exclude_none=True), {"ETag": etag(fact.revision), **headers})


def fingerprint(method: str, path: str, body: bytes) -> bytes:
    """SHA-256 of what a command says; the body's JSON in whatever order its members are."""
    content = [method, path, json.loads(body) if body else None]
    return sha256(json.dumps(content, sort_keys=True).encode()).digest()


async def idempotent(
    tx: Connection, scope: str, key: str | None, request_sha256: bytes, command: Callable[[], Awaitable[Answer]]
) -> Answer:
    """Does the command once per (scope, key), in the caller's transaction, and returns the first answer ever after.

    A second request with the same key waits for the first. Only 2xx answers are kept, for 7 days. `tx` is a
    connection of a chassis pool inside a READ COMMITTED transaction. Without a key it just does the command.
    Raises Problem(KEY_REUSED) when the key was used for other content.
    """
    if key is None:
        return await command()
    await tx.execute(_LOCK, f"idempotency {scope} {key}")
    row = await tx.fetchrow(_FIND, scope, key)
    if row is not None:
        if row["request_sha256"] != request_sha256:
            raise Problem(KEY_REUSED, "Send a new key with a new command, and the same content with the same key.")
        return Answer(row["status"], row["body"], row["headers"])
    answer = await command()
    if 200 <= answer.status < 300:
        await tx.execute(_KEEP, scope, key, request_sha256, answer.status, answer.headers, answer.body)
        await tx.execute(_PURGE)
    return answer


Act = Callable[[Connection, CampaignOpened, datetime], Awaitable[Answer]]


class Commands:
    """Does commands against the database of `pool`, while `own` has verified it."""

    def __init__(
        self, pool: Pool, own: OwnTopics, campaign: Callable[[Connection, str], Awaitable[CampaignOpened]]
    ) -> None:
        """`campaign` reads a campaign, locked as a command of this service needs it; it raises Unknown."""
        self._pool, self._own, self._campaign = pool, own, campaign

    def require_compared(self) -> None:
        """Raises Problem(UNAVAILABLE) unless the database is known to hold all that was published."""
        if not self._own.compared:
            detail = "The database is compared with what was published first. Try again in a moment."
            raise Problem(UNAVAILABLE, detail, headers={"Retry-After": "1"})

    async def once(
        self, request: Request, scope: str, key: str | None, command: Callable[[Connection], Awaitable[Answer]]
    ) -> Response:
        """Does it in a transaction, once for each key of a scope, and writes down in the audit trail who did it."""
        self.require_compared()
        content = fingerprint(request.method, request.url.path, await request.body())
        access: Access = request.app.state.access

        async def audited() -> Answer:
            decider = DECIDED_BY.set(access.pseudonym(request.state.caller))
            try:
                answer = await command(tx)
            finally:
                DECIDED_BY.reset(decider)
            await audit.add(tx, request, content, answer.status)
            return answer

        async with self._pool.acquire() as tx, tx.transaction():
            return (await idempotent(tx, scope, key, content, audited)).response()

    async def do(
        self,
        request: Request,
        campaign: str,
        key: str | None,
        body: Command,
        act: Act,
        lock: Callable[[Connection], Awaitable[object]] | None = None,
    ) -> Response:
        """A command to a campaign: `act` is given the campaign and the instant of the decision, taken under `lock`."""

        async def command(tx: Connection) -> Answer:
            opened = await self._campaign(tx, campaign)
            body.check_address(campaign=campaign)
            if lock is not None:
                await lock(tx)
            return await act(tx, opened, await decision_instant(tx, body.replayed_at(opened.clock)))

        return await self.once(request, f"campaign {campaign}", key, command)
