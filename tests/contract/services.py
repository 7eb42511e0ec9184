"""Runs one service's own worker, built by its own `build`, on a topic prefix and a database of its own."""

import asyncio
import contextlib
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from chassis.migrate import migrate
from chassis.run import App
from exactly_once.dead_letters import DeadLetter, DeadLetters
from stack.postgres import Database
from tests.support import kafka_settings, until, vouch

SERVICES = ("enrollment", "scheduling", "reporting")


@dataclass(frozen=True)
class Service:
    """A built service with its pool open."""

    name: str
    app: App
    settings: Any

    @property
    def pool(self) -> Any:
        return self.app.pools[0]

    async def applied(self) -> dict[str, int]:
        """How many records of each topic it has applied; 0 for one that it subscribes to and has not begun."""
        rows = await self.pool.fetch(
            "SELECT topic, sum(next_offset)::int AS n FROM exactly_once.position GROUP BY topic ORDER BY topic"
        )
        return {row["topic"]: row["n"] for row in rows}

    async def consume(self, records: dict[str, int]) -> dict[str, int]:
        """Runs the worker until every topic that it subscribes to has been applied to its end; answers `applied`."""
        tasks = [asyncio.create_task(component.run()) for component in self.app.of(["worker"])]

        async def done() -> dict[str, int]:
            for task in tasks:
                if task.done():
                    task.result()
            applied = await self.applied()
            return applied if all(count == records[topic] for topic, count in applied.items()) else {}

        try:
            return dict(await until(done))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def dead_letters(self) -> list[DeadLetter]:
        letters = DeadLetters(self.settings.dead_letter_key.get_secret_value(), self.settings.topic_prefix)
        async with self.pool.acquire() as tx:
            return await letters.list(tx)


@contextlib.asynccontextmanager
async def service(name: str, database: Database, bootstrap_servers: str, topic_prefix: str) -> AsyncIterator[Service]:
    """The service, migrated and built; nothing runs yet."""
    kafka = kafka_settings(bootstrap_servers, topic_prefix)
    settings = import_module(f"{name}.settings").Settings(
        database_url=database.url,
        migration_database_url=database.owner_url,
        http_port=0,
        master_key=urlsafe_b64encode(bytes(32)).decode(),  # enrollment's; the others ignore it
        **dict(kafka),
    )
    app = vouch(import_module(f"{name}.app").build(settings))
    await migrate(settings.owner_dsn, app.migrations)
    async with app:
        yield Service(name, app, settings)
