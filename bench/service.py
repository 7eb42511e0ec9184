"""Reporting as the benches run it: on a stack of its own, with everything on that is on in production."""

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr

from contracts.topics import CATALOGUE
from exactly_once import KafkaSettings
from exactly_once.provision import provision
from stack import LocalStack
from stack.postgres import Database


@asynccontextmanager
async def prepared() -> AsyncIterator[tuple[LocalStack, Database]]:
    """Kafka with the catalogue's topics, and reporting's database, migrated."""
    with tempfile.TemporaryDirectory() as home, LocalStack(Path(home), services=False) as stack:
        key = SecretStr(Fernet.generate_key().decode())
        await provision(KafkaSettings(kafka_bootstrap_servers=stack.bootstrap_servers, dead_letter_key=key), CATALOGUE)
        database = stack.postgres.create_service_database("reporting")
        subprocess.run([sys.executable, "-m", "reporting", "migrate"], env=_environment(stack, database), check=True)
        yield stack, database


@contextmanager
def running(verb: str, stack: LocalStack, database: Database, http_port: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m reporting <verb>` for as long as the block lasts."""
    environment = _environment(stack, database) | {"REPORTING_HTTP_PORT": str(http_port)}
    with process(sys.executable, "-m", "reporting", verb, env=environment) as service:
        yield service


@contextmanager
def process(*command: str, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A command for as long as the block lasts."""
    running = subprocess.Popen(command, env=env)
    try:
        yield running
    finally:
        running.terminate()
        running.wait()


def _environment(stack: LocalStack, database: Database) -> dict[str, str]:
    return {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
        "REPORTING_DATABASE_URL": database.url,
        "REPORTING_MIGRATION_DATABASE_URL": database.owner_url,
        "REPORTING_DEAD_LETTER_KEY": Fernet.generate_key().decode(),
        "REPORTING_HTTP_PORT": "0",
        "REPORTING_LOG_LEVEL": "warning",
    }
