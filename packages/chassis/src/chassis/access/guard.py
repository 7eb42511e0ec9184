"""The guard in front of every route: who asks, and whether the table lets them."""

from dataclasses import replace
from hmac import digest
from typing import Final
from uuid import UUID

from fastapi import FastAPI
from starlette.requests import Request

from chassis.access import table
from chassis.access.rates import COMMON_RATES, PerMinute, Rates
from chassis.access.roles import ANYBODY, EVERYBODY, Caller, Role, Roles
from chassis.access.sessions import SAFE, Sessions, require_csrf
from chassis.access.table import COMMON, Table
from chassis.access.tokens import Tokens
from chassis.problems import FORBIDDEN, NOT_FOUND, UNAUTHORIZED, Problem

# A proxy says by these that somebody on another machine asks.
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class Access:
    """Who may use a service's routes. Without `tokens` everybody on this machine may use all of them."""

    def __init__(
        self,
        own: Table | None = None,
        tokens: Tokens | None = None,
        sessions: Sessions | None = None,
        secret: bytes = b"",
        rates: PerMinute | None = None,
    ) -> None:
        """`sessions`: of a service with pages, those who are logged in there. Pseudonyms are made with `secret`.

        `rates`: how often a minute each caller may use which routes.
        """
        self._secret = secret
        self.rates = Rates({**COMMON_RATES, **(rates or {})})
        self.own, self.table, self.tokens, self.sessions = own or {}, {**COMMON, **(own or {})}, tokens, sessions

    def check(self, app: FastAPI) -> None:
        """Every route has its line. Raises Misconfigured."""
        table.check(app, COMMON, self.own)

    async def admit(self, request: Request) -> Caller:
        """The caller, if the table lets them use the route. Raises Problem."""
        if self.tokens is None:
            _refuse_forwarded(request)
            return EVERYBODY
        route = f"{request.method} {request.scope['route'].path}"
        admitted = self.table.get(route, frozenset())
        caller = await self._caller(request)
        if not caller.roles & admitted:
            raise _refused(caller, admitted)
        self.rates.take(route, caller.sub or _address(request))
        return caller if Role.PUBLIC in admitted else _within_its_grant(caller, admitted, request.path_params)

    def pseudonym(self, caller: Caller) -> str | None:
        """What stands for the caller in events: the same for the same person at this service, and no way back.

        None where nobody is known.
        """
        if self.tokens is None or not caller.sub:
            return None
        who = f"decided_by\n{self.tokens.issuer.url}\n{caller.sub}"
        return str(UUID(bytes=digest(self._secret, who.encode(), "sha256")[:16], version=5))

    async def _caller(self, request: Request) -> Caller:
        assert self.tokens is not None
        header = request.headers.get("authorization")
        if header is None:
            return await self._at_a_page(request)
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthorized("Send a bearer token.")
        return await self.tokens.caller(token.strip())

    async def _at_a_page(self, request: Request) -> Caller:
        session = None if self.sessions is None else await self.sessions.of(request)
        if session is None:
            return ANYBODY
        if request.method not in SAFE:
            await require_csrf(request, session)
        request.state.session = session
        return session.caller


async def caller_of(request: Request) -> None:
    """The dependency of every route: admits the caller, and keeps who it is in `request.state`, with their session."""
    access: Access = request.app.state.access
    request.state.session = None
    request.state.caller = await access.admit(request)


def _address(request: Request) -> str:
    """Where somebody without a token asks from; behind a proxy what it says, if uvicorn trusts it."""
    return request.client.host if request.client else ""


def _unauthorized(detail: str) -> Problem:
    return Problem(UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})


def _refused(caller: Caller, admitted: Roles) -> Problem:
    roles = sorted(admitted)
    if caller is ANYBODY:
        return _unauthorized(f"This is for {', '.join(roles)}: send a bearer token.")
    return Problem(FORBIDDEN, f"This is for {', '.join(roles) or 'nobody'}.", roles=roles)


def _within_its_grant(caller: Caller, admitted: Roles, address: dict[str, str]) -> Caller:
    """The caller, who is limited to schools if admitted as a principal alone. Raises Problem."""
    if "campaign" in address:
        caller.require_campaign(address["campaign"])
    if caller.roles & admitted != {Role.PRINCIPAL}:
        return replace(caller, schools=None)
    if "npsn" in address and not caller.sees_school(address["npsn"]):
        raise Problem(NOT_FOUND, "This campaign has no such school.")
    return caller


def _refuse_forwarded(request: Request) -> None:
    if any(name in request.headers for name in _FORWARDED):
        raise Problem(FORBIDDEN, "A proxy asks, and the service has no issuer: set OIDC_ISSUER first.", roles=[])
