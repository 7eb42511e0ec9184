"""A reporting service on a database of its own, without Kafka: the tests hand it events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from chassis.migrate import migrate
from chassis.run import App
from exactly_once import Pool
from reporting.app import MIGRATIONS, build
from reporting.settings import Pace, Settings
from stack.postgres import Database
from tests.integration.reporting import world
from tests.servers import Servers


@pytest.fixture(scope="session")
def reporting_template(stack: Servers) -> Iterator[Database]:
    """A migrated, empty database, to be copied."""

    with stack.postgres.fresh_database("reporting") as made:
        asyncio.run(migrate(made.owner_url, MIGRATIONS))
        yield made


@pytest.fixture
def migrated(stack: Servers, reporting_template: Database) -> Iterator[Database]:
    """A database that has reporting's tables."""
    with stack.postgres.fresh_database("reporting", template=reporting_template.name) as made:
        yield made


def reporting_settings(database: Database, **changes: Any) -> Settings:
    return Settings.model_validate(
        {
            "database_url": database.url,
            "migration_database_url": database.owner_url,
            "http_port": 0,
            "kafka_bootstrap_servers": "127.0.0.1:1",
            "dead_letter_key": Fernet.generate_key().decode(),
            "pace": Pace(interval=0.01, poll=0.1),
            **changes,
        }
    )


@dataclass
class Reporting:
    """The service: its parts, a client of its HTTP, and its worker's pool to hand it events on."""

    app: App
    http: httpx.AsyncClient
    pool: Pool

    async def hear(self, *events: Any) -> list[str]:
        return await world.hear(self.pool, *events)

    async def get(self, path: str, status: int = 200, campaign: str = world.CAMPAIGN, **query: Any) -> Any:
        answer = await self.http.get(f"/v1/campaigns/{campaign}{path}", params=query)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def reporting(migrated: Database) -> AsyncIterator[Reporting]:
    app = build(reporting_settings(migrated))
    async with app, httpx.AsyncClient(transport=httpx.ASGITransport(app.http), base_url="http://reporting") as http:
        yield Reporting(app, http, app.pools[1])
