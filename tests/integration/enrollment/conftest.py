"""A migrated database and a service on it for every test."""

from __future__ import annotations

import asyncio
import os
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from chassis.migrate import migrate
from enrollment.app import MIGRATIONS, build
from enrollment.settings import Settings
from stack.postgres import Database
from tests.integration.enrollment.world import World, entered
from tests.servers import Servers
from tests.support import IMPATIENT


@pytest.fixture(scope="session")
def template(stack: Servers) -> Iterator[Database]:
    """Migrated once by the owner; every test gets a copy."""
    made = stack.postgres.make_fresh_database("enrollment")
    asyncio.run(migrate(made.owner_url, MIGRATIONS))
    yield made
    stack.postgres.drop_database(made.name)


@pytest.fixture
def migrated(stack: Servers, template: Database) -> Iterator[Database]:
    with stack.postgres.fresh_database("enrollment", template=template.name) as fresh:
        yield fresh


@pytest.fixture
def enrollment_settings(stack: Servers, migrated: Database) -> Settings:
    return service_settings(migrated, stack.bootstrap_servers)


@pytest.fixture
async def world(enrollment_settings: Settings) -> AsyncIterator[World]:
    async with entered(build(enrollment_settings), enrollment_settings) as made:
        yield made


def service_settings(database: Database, bootstrap_servers: str, topic_prefix: str = "") -> Settings:
    return Settings.model_validate(
        {
            "database_url": database.url,
            "migration_database_url": database.owner_url,
            "kafka_bootstrap_servers": bootstrap_servers,
            "topic_prefix": topic_prefix,
            "dead_letter_key": Fernet.generate_key().decode(),
            "master_key": urlsafe_b64encode(os.urandom(32)).decode(),
            "http_port": 0,
            "tuning": replace(IMPATIENT, max_records=500),
        }
    )
