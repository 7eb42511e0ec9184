"""What every test can ask for: the real Kafka and PostgreSQL of this run, topics and a database of its own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from contracts.topics import CATALOGUE
from exactly_once import KafkaSettings
from exactly_once.provision import provision
from stack.kafka import Kafka
from stack.postgres import Database, Postgres
from tests.support import kafka_settings


@dataclass(frozen=True)
class Stack:
    """The servers that the whole run shares. A test that stops one asks for `own_kafka` or `own_postgres` instead."""

    kafka: Kafka
    postgres: Postgres

    @property
    def bootstrap_servers(self) -> str:
        return self.kafka.bootstrap_servers


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("stack")
    # Members of a group that were killed are noticed after 1.5 s, not 6: the fault tests kill many.
    settings = {"group.min.session.timeout.ms": "1000"}
    with Kafka(home, settings=settings) as kafka, Postgres(home) as postgres:
        yield Stack(kafka, postgres)


@pytest.fixture
def database(stack: Stack) -> Iterator[Database]:
    """An empty database with `.url` (the runtime role) and `.owner_url`."""
    with stack.postgres.fresh_database() as fresh:
        yield fresh


@pytest.fixture
async def topic_prefix(stack: Stack) -> AsyncIterator[str]:
    """A prefix under which every topic of the catalogue exists, empty."""
    prefix = f"t{uuid.uuid4().hex[:12]}."
    await provision(kafka_settings(stack.bootstrap_servers, prefix), CATALOGUE)
    yield prefix


@pytest.fixture
def settings(stack: Stack, topic_prefix: str) -> KafkaSettings:
    """What a consumer and a relay on these topics need to know; impatient, as a test is."""
    return kafka_settings(stack.bootstrap_servers, topic_prefix)
