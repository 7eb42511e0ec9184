"""A database as an earlier program left it: the tables of a service's first migrations, for a test to fill."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from chassis.migrate import Source, migrate


async def make_before(owner_url: str, sources: Sequence[Source], folder: Path, kept: int = 1) -> None:
    """Migrates with no more than the first `kept` files of the service's own; those of the packages are all there."""
    *packages, own = sources
    for file in sorted(own.dir.glob("*.sql"))[:kept]:
        shutil.copy(file, folder)
    await migrate(owner_url, [*packages, Source(own.name, folder)])


async def insert(connection: asyncpg.Connection, table: str, **values: object) -> None:
    """A row, each value in the words of PostgreSQL."""
    columns = ", ".join(f'"{name}"' for name in values)
    literals = ", ".join(
        "NULL" if value is None else "'" + str(value).replace("'", "''") + "'" for value in values.values()
    )
    await connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({literals})")
