"""Sessions of people at pages: the browser has a secret in a cookie, the database its hash and who it is."""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from chassis.access.roles import Caller, Role
from chassis.access.settings import is_loopback
from chassis.problems import FORBIDDEN, Problem
from exactly_once import Pool

IDLE: Final = 3600  # seconds without a request end a session
LONGEST: Final = 12 * 3600  # seconds end it in any case
SAFE: Final = ("GET", "HEAD")

_MAKE: Final = """
INSERT INTO chassis.session (secret_sha256, caller, csrf, ends_at)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
"""
_READ: Final = f"""
SELECT caller, csrf, seen_at < clock_timestamp() - interval '1 minute' AS is_old
  FROM chassis.session
 WHERE secret_sha256 = $1 AND ends_at > clock_timestamp() AND seen_at > clock_timestamp() - interval '{IDLE} seconds'
"""  # noqa: S608 - its own constant
_SEEN: Final = "UPDATE chassis.session SET seen_at = clock_timestamp() WHERE secret_sha256 = $1"
_END: Final = "DELETE FROM chassis.session WHERE secret_sha256 = $1"
_PURGE: Final = f"""
DELETE FROM chassis.session
 WHERE ends_at < clock_timestamp() OR seen_at < clock_timestamp() - interval '{IDLE} seconds'
"""  # noqa: S608 - its own constant


@dataclass(frozen=True, slots=True)
class Session:
    """Who is logged in at this browser; every form of theirs sends `csrf` along."""

    caller: Caller
    csrf: str


class Sessions:
    """Those of one service. `name` tells its cookie from other services' on the same machine."""

    def __init__(self, name: str, pool: Pool) -> None:
        self.cookie, self._pool = f"jb_{name}", pool

    async def begin(self, caller: Caller) -> str:
        """Makes a session; returns the secret for the cookie."""
        secret = secrets.token_urlsafe(32)
        async with self._pool.acquire() as tx:
            await tx.execute(_PURGE)
            await tx.execute(_MAKE, _hash(secret), _stored(caller), secrets.token_urlsafe(32), LONGEST)
        return secret

    async def of(self, request: Request) -> Session | None:
        """The session of the browser that asks; None when it has none, or it has ended."""
        secret = request.cookies.get(self.cookie)
        if not secret:
            return None
        async with self._pool.acquire() as tx:
            row = await tx.fetchrow(_READ, _hash(secret))
            if row is not None and row["is_old"]:
                await tx.execute(_SEEN, _hash(secret))
        return None if row is None else Session(_caller(row["caller"]), row["csrf"])

    async def end(self, request: Request) -> None:
        """Ends it for good, wherever its secret may be kept."""
        async with self._pool.acquire() as tx:
            await tx.execute(_END, _hash(request.cookies.get(self.cookie, "")))


async def require_csrf(request: Request, session: Session) -> None:
    """A browser sends its cookie whoever makes it: what changes something shows that our page did. Raises Problem."""
    sent = request.headers.get("x-csrf-token")
    if sent is None and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        sent = parse_qs((await request.body()).decode()).get("csrf", [""])[0]
    if not compare_digest((sent or "").encode(), session.csrf.encode()):
        raise Problem(FORBIDDEN, "The form is not one of this session: load the page again.", roles=[])


def set_cookie(response: Response, request: Request, name: str, value: str, seconds: int) -> None:
    """For this host alone, out of reach of scripts; without TLS on this machine only."""
    secure = not is_loopback(request.url.hostname or "")
    response.set_cookie(name, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax")


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def _stored(caller: Caller) -> dict[str, Any]:
    lists = {"campaigns": caller.campaigns, "schools": caller.schools}
    return {
        "sub": caller.sub,
        "name": caller.name,
        "roles": sorted(caller.roles),
        **{name: None if values is None else sorted(values) for name, values in lists.items()},
    }


def _caller(stored: dict[str, Any]) -> Caller:
    reach = [None if stored[name] is None else frozenset(stored[name]) for name in ("campaigns", "schools")]
    roles = frozenset(Role(role) for role in stored["roles"])
    return Caller(stored["sub"], stored["name"], roles, *reach)
