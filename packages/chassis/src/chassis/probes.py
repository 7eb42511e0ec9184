"""Whether database and broker answer at all, told within seconds: clients try again for long before they say so."""

import asyncio
from typing import Final

import asyncpg
import structlog

from chassis.db import Pool

EVERY: Final = 1.0
ANSWER_WITHIN: Final = 2.0
# A connection that is half open is noticed within 2 s.
ASK_DATABASE_EVERY: Final = 0.5
DATABASE_ANSWERS_WITHIN: Final = 1.5
log = structlog.get_logger(__name__)


class KafkaProbe:
    """Component: opens a connection to one of the bootstrap servers every second, for `/health/ready`."""

    name = "kafka"

    def __init__(self, bootstrap_servers: str) -> None:
        self._servers = bootstrap_servers
        self._problem: str | None = None

    def problems(self) -> list[str]:
        return [self._problem] if self._problem else []

    async def run(self) -> None:
        while True:
            problem = None if await self._answers() else f"no broker answers at {self._servers}"
            if problem and not self._problem:
                log.warning(problem)
            self._problem = problem
            await asyncio.sleep(EVERY)

    async def _answers(self) -> bool:
        for server in self._servers.split(","):
            host, _, port = server.strip().rpartition(":")
            try:
                async with asyncio.timeout(ANSWER_WITHIN):
                    _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            except (OSError, TimeoutError, ValueError):
                continue
            writer.close()
            return True
        return False


class DatabaseProbe:
    """Component: asks the database again and again whether it is there, for `/health/ready`.

    On a connection of its own: where all others are in use, the service is busy, not away.
    """

    name = "database"

    def __init__(self, pool: Pool) -> None:
        """Tells the pool as well."""
        self._pool = pool
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._problem: str | None = None
        self.asked = False  # whether it has at all

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    async with asyncio.timeout(DATABASE_ANSWERS_WITHIN):
                        await self._ask()
                    self._problem = None
                except Exception as error:
                    self._hang_up()
                    if self._problem is None:
                        log.warning("database is away", error=type(error).__name__)
                    self._problem = "the database does not answer"
                self._pool.answers, self.asked = self._problem is None, True
                await asyncio.sleep(ASK_DATABASE_EVERY)
        finally:
            self._hang_up()

    def problems(self) -> list[str]:
        return [self._problem] if self._problem else []

    async def _ask(self) -> None:
        if self._connection is None:
            self._connection = await asyncpg.connect(self._pool.url, server_settings={"application_name": "probe"})
        await self._connection.fetchval("SELECT 1")

    def _hang_up(self) -> None:
        """At once: a connection that is half open would not be closed in good order."""
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None
