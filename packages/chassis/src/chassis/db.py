"""The connection pool: waits for PostgreSQL at the start, and says in one line why it cannot have it."""

import asyncio
import json
import socket
from collections.abc import Generator
from typing import Any, Final, Self
from urllib.parse import urlsplit

import asyncpg
import structlog
from asyncpg.connection import Connection
from asyncpg.pool import PoolAcquireContext

from exactly_once.errors import OUTAGE, Misconfigured, is_away

log = structlog.get_logger(__name__)

# A process that is frozen or cut off in the middle of a transaction must not hold its locks for hours.
SILENCE: Final = {"idle_in_transaction_session_timeout": "10000", "tcp_user_timeout": "10000"}  # milliseconds

CLOSE_WITHIN: Final = 2.0

_REFUSED: Final = {
    asyncpg.InvalidPasswordError: "wrong password, or no such user",
    asyncpg.InvalidAuthorizationSpecificationError: "this user may not connect",
    asyncpg.InvalidCatalogNameError: "there is no such database",
    asyncpg.InsufficientPrivilegeError: "this user may not connect",
}


class Busy(TimeoutError):
    """There is too much to do at the moment, and nothing is wrong: whoever asks comes again."""


def address(url: str) -> str:
    """Where the database is, without user and password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 5432}{parts.path}"


class Pool(asyncpg.Pool):
    """asyncpg's pool; `await pool` or `async with pool` first waits for PostgreSQL, or raises Misconfigured.

    `answers`: whether the database does, as its probe has seen last.
    """

    answers = True

    def __init__(self, url: str, *, wait: float, acquire_timeout: float, **options: Any) -> None:
        super().__init__(url, **options)
        self.url, self._wait, self._acquire_timeout = url, wait, acquire_timeout

    async def _opened(self) -> Self:
        await wait_for_database(self.url, self._wait)
        await super().__aenter__()
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self._opened().__await__()

    async def __aenter__(self) -> Self:
        return await self._opened()

    async def close(self) -> None:
        """Closes within CLOSE_WITHIN, or cuts off: a server that hangs must not keep a process from stopping."""
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await super().close()
        except OUTAGE as error:
            log.warning("the connections to the database are cut off", error=type(error).__name__)

    def acquire(self, *, timeout: float | None = None) -> PoolAcquireContext:
        """A connection; TimeoutError when there is none within `timeout` seconds (default: the pool's).

        Busy, when all are in use and the database is well.
        """
        return super().acquire(timeout=self._acquire_timeout if timeout is None else timeout)

    async def _acquire(self, timeout: float | None) -> Any:  # noqa: ASYNC109
        try:
            return await super()._acquire(timeout)  # type: ignore[misc]
        except TimeoutError:
            if self.answers and self.get_size() >= self.get_max_size() and not self.get_idle_size():
                raise Busy("Every connection to the database is in use. Try again in a moment.") from None
            raise


def create_pool(
    url: str,
    *,
    name: str,
    max_size: int = 10,
    command_timeout: float = 30.0,
    acquire_timeout: float = 5.0,
    wait: float = 30.0,
    server_settings: dict[str, str] | None = None,
    **connect: Any,
) -> Pool:
    """A pool, not yet opened: `await` it, use it with `async with`, or leave that to the App it belongs to.

    `name` is shown by PostgreSQL (`application_name`); times are seconds; `server_settings` as
    `{"plan_cache_mode": "force_custom_plan"}`; `connect` are further arguments of `asyncpg.connect`.
    jsonb columns are read and written as Python objects. Must be called inside the event loop.
    """
    return Pool(
        url,
        wait=wait,
        acquire_timeout=acquire_timeout,
        min_size=1,
        max_size=max_size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300.0,
        loop=asyncio.get_running_loop(),
        connection_class=Connection,
        record_class=asyncpg.Record,
        init=_read_jsonb,
        command_timeout=command_timeout,
        timeout=5.0,
        server_settings={"application_name": name, "timezone": "UTC", **SILENCE, **(server_settings or {})},
        **connect,
    )


async def _read_jsonb(connection: Connection) -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def wait_for_database(url: str, seconds: float) -> None:
    """Returns when PostgreSQL accepts the user. Raises Misconfigured: at once when it refuses, else after `seconds`."""
    loop = asyncio.get_running_loop()
    deadline, pause, told = loop.time() + seconds, 0.1, False
    while True:
        try:
            connection = await asyncpg.connect(url, timeout=5.0)
            await connection.close()
            return
        except tuple(_REFUSED) as error:
            reason = next(text for kind, text in _REFUSED.items() if isinstance(error, kind))
            raise Misconfigured(f"database {address(url)}: {reason}") from error
        except OUTAGE as error:
            if not is_away(error):
                raise
            if loop.time() + pause > deadline:
                raise Misconfigured(f"database {address(url)}: {_why_away(error)}, waited {seconds:g} s") from error
            if not told:
                log.info("waiting for the database", database=address(url), reason=_why_away(error))
            told = True
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)


def _why_away(error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, asyncpg.TooManyConnectionsError):
        return "too many connections"
    return "starting or stopping" if isinstance(error, asyncpg.PostgresError) else "no server answers"
