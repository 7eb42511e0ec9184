"""What every test can ask for: the real Kafka and PostgreSQL of this run, topics and a database of its own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from contracts.topics import CATALOGUE
from exactly_once import KafkaSettings
from exactly_once.provision import provision
from stack import LocalStack
from stack.postgres import Database
from tests.support import kafka_settings


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The servers that the whole run shares. A test that stops one asks for `own_kafka` or `own_postgres` instead."""
    # Members of a group that were killed are noticed after 1.5 s, not 6: the fault tests kill many.
    kafka = {"group.min.session.timeout.ms": "1000"}
    with LocalStack(tmp_path_factory.mktemp("stack"), services=False, kafka=kafka) as started:
        yield started


@pytest.fixture
def database(stack: LocalStack) -> Iterator[Database]:
    """An empty database with `.url` (the runtime role) and `.owner_url`."""
    with stack.postgres.fresh_database() as fresh:
        yield fresh


@pytest.fixture
async def topic_prefix(stack: LocalStack) -> AsyncIterator[str]:
    """A prefix under which every topic of the catalogue exists, empty."""
    prefix = f"t{uuid.uuid4().hex[:12]}."
    await provision(kafka_settings(stack.bootstrap_servers, prefix), CATALOGUE)
    yield prefix


@pytest.fixture
def settings(stack: LocalStack, topic_prefix: str) -> KafkaSettings:
    """What a consumer and a relay on these topics need to know; impatient, as a test is."""
    return kafka_settings(stack.bootstrap_servers, topic_prefix)
