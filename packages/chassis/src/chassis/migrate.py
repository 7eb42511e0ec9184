"""Forward-only migrations: `NNNN_name.sql`, each applied once, in its own transaction, never changed afterwards."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import asyncpg
import structlog

from chassis.db import wait_for_database
from exactly_once.errors import Misconfigured

log = structlog.get_logger(__name__)

_NAME: Final = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")
_LOCK: Final = 0x6A62_6D69_6772  # one migration at a time per database
_SCHEMA_HISTORY: Final = """
CREATE SCHEMA IF NOT EXISTS chassis;
CREATE TABLE IF NOT EXISTS chassis.schema_migration (
    source text NOT NULL, number integer NOT NULL, name text NOT NULL, sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (source, number)
);
"""
_READ: Final = "SELECT source, number, name, sha256 FROM chassis.schema_migration"


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of migrations and the name under which they are remembered."""

    name: str
    dir: Path


@dataclass(frozen=True, slots=True)
class Migration:
    source: str
    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return sha256(self.sql.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.source}/{self.number:04d}_{self.name}.sql"


class MigrationError(Misconfigured):
    """The migrations cannot be applied; nothing of the one that failed is."""


def read(source: Source) -> list[Migration]:
    """The migrations of a folder in order. Raises MigrationError for wrong names, gaps and duplicates."""
    migrations: list[Migration] = []
    if not source.dir.is_dir():
        raise MigrationError(f"migrations of {source.name}: {source.dir} is no folder")
    for path in sorted(source.dir.glob("*.sql")):
        match = _NAME.match(path.name)
        if match is None:
            raise MigrationError(f"migrations of {source.name}: {path.name} is not called NNNN_name.sql")
        migrations.append(Migration(source.name, int(match[1]), match[2], path.read_text("utf-8")))
    for expected, migration in enumerate(migrations, start=1):
        if migration.number != expected:
            what = "is there twice" if migration.number < expected else "is missing"
            raise MigrationError(f"migrations of {source.name}: number {min(expected, migration.number):04d} {what}")
    return migrations


async def migrate(dsn: str, sources: Sequence[Source], *, wait: float = 30.0) -> list[str]:
    """Applies what is new, in the order of the sources, and returns its names. Two processes may do so at once.

    `dsn` is the owner's; what the runtime role may do with its tables is the database's default privileges and the
    migrations' own matter. Raises MigrationError, and Misconfigured without a database.
    """
    files = [migration for source in sources for migration in read(source)]
    await wait_for_database(dsn, wait)
    connection = await asyncpg.connect(dsn, timeout=10.0, server_settings={"application_name": "migrate"})
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_SCHEMA_HISTORY)
        new = _new(files, await connection.fetch(_READ), {source.name for source in sources})
        for migration in new:
            await _apply(connection, migration)
        return [str(migration) for migration in new]
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(f"migrations: the role of the migration URL may not do that: {error.args[0]}") from error
    finally:
        await connection.close()  # frees the lock


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO chassis.schema_migration (source, number, name, sha256) VALUES ($1, $2, $3, $4)",
                migration.source, migration.number, migration.name, migration.sha256,
            )  # fmt: skip
    except asyncpg.PostgresError as error:
        raise MigrationError(f"migration {migration} failed: {error.args[0]}") from error
    log.info("migration applied", migration=str(migration))


def _new(files: Sequence[Migration], applied: Sequence[Any], sources: set[str]) -> list[Migration]:
    """What is still to apply. Raises MigrationError when what was applied is not what the files say."""
    by_number = {(m.source, m.number): m for m in files}
    for row in applied:
        name = f"{row['source']}/{row['number']:04d}_{row['name']}.sql"
        file = by_number.pop((row["source"], row["number"]), None)
        if file is None and row["source"] in sources:
            raise MigrationError(f"migration {name} was applied and its file is missing")
        if file is not None and (file.sha256 != row["sha256"] or file.name != row["name"]):
            raise MigrationError(f"migration {name} was changed after it was applied: write a new one instead")
    return [m for m in files if (m.source, m.number) in by_number]


async def pending(pool: asyncpg.Pool, sources: Sequence[Source]) -> list[str]:
    """The migrations that this program needs and the database does not have. Newer ones than ours are no problem."""
    try:
        rows = await pool.fetch(_READ)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        rows = []
    applied = {(row["source"], row["number"]) for row in rows}
    return [str(m) for source in sources for m in read(source) if (m.source, m.number) not in applied]


async def require(pool: asyncpg.Pool, sources: Sequence[Source], service: str) -> None:
    """Raises Misconfigured when migrations are pending."""
    if missing := await pending(pool, sources):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise Misconfigured(f"database is not migrated: {missing[0]}{more}; run `python -m {service} migrate`")
