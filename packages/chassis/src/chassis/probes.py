"""Whether database and broker answer at all, told within seconds: clients try again for long before they say so."""

import asyncio
from typing import Final

import asyncpg
import structlog

EVERY: Final = 1.0
ANSWER_WITHIN: Final = 2.0
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
    """Component: asks the database every second whether it is there, for `/health/ready`."""

    name = "database"

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._problem: str | None = None

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(ANSWER_WITHIN):
                    await self._pool.fetchval("SELECT 1")
                self._problem = None
            except Exception as error:
                if self._problem is None:
                    log.warning("database is away", error=type(error).__name__)
                self._problem = "the database does not answer"
            await asyncio.sleep(EVERY)

    def problems(self) -> list[str]:
        return [self._problem] if self._problem else []
