"""Migrations on a real PostgreSQL: once each, all or nothing, by two processes at once, never changed."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from chassis.migrate import MigrationError, Source, migrate, pending
from stack.postgres import Database

FIRST = "CREATE TABLE a (n integer); INSERT INTO a VALUES (1);"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    (tmp_path / "0001_a.sql").write_text(FIRST)
    (tmp_path / "0002_b.sql").write_text("INSERT INTO a VALUES (2); SELECT pg_sleep(0.1);")
    return Source("tiny", tmp_path)


async def rows(database: Database) -> list[int]:
    connection = await asyncpg.connect(database.url)
    try:
        return [row["n"] for row in await connection.fetch("SELECT n FROM a ORDER BY n")]
    finally:
        await connection.close()


async def test_the_runtime_role_uses_what_the_owner_made(database: Database, source: Source) -> None:
    async with asyncpg.create_pool(database.url, min_size=1, max_size=1) as pool:
        assert await pending(pool, [source]) == ["tiny/0001_a.sql", "tiny/0002_b.sql"]
        assert await migrate(database.owner_url, [source]) == ["tiny/0001_a.sql", "tiny/0002_b.sql"]
        assert await pending(pool, [source]) == []
    assert await migrate(database.owner_url, [source]) == []
    assert await rows(database) == [1, 2]


async def test_several_may_migrate_at_once(database: Database, source: Source) -> None:
    done = await asyncio.gather(*(migrate(database.owner_url, [source]) for _ in range(4)))
    assert sorted(len(names) for names in done) == [0, 0, 0, 2]
    assert await rows(database) == [1, 2]


async def test_one_that_fails_leaves_nothing_and_the_ones_before_it_stay(database: Database, source: Source) -> None:
    (source.dir / "0003_c.sql").write_text("INSERT INTO a VALUES (3); SELECT 1 / 0;")
    with pytest.raises(MigrationError, match=r"migration tiny/0003_c.sql failed: division by zero") as caught:
        await migrate(database.owner_url, [source])
    assert caught.value.exit_code == 78
    assert await rows(database) == [1, 2]
    (source.dir / "0003_c.sql").write_text("INSERT INTO a VALUES (3);")
    assert await migrate(database.owner_url, [source]) == ["tiny/0003_c.sql"]


async def test_a_migration_is_remembered_with_what_it_did_or_neither(database: Database, source: Source) -> None:
    meddling = "INSERT INTO a VALUES (3); INSERT INTO chassis.schema_migration VALUES ('tiny', 3, 'c', '');"
    (source.dir / "0003_c.sql").write_text(meddling)
    with pytest.raises(MigrationError, match=r"0003_c.sql failed: duplicate key"):
        await migrate(database.owner_url, [source])
    assert await rows(database) == [1, 2]


async def test_an_applied_file_is_never_changed_renamed_or_removed(database: Database, source: Source) -> None:
    await migrate(database.owner_url, [source])
    first = source.dir / "0001_a.sql"
    first.write_text(FIRST + " ")
    with pytest.raises(MigrationError, match=r"tiny/0001_a.sql was changed"):
        await migrate(database.owner_url, [source])
    first.write_text(FIRST)
    second = (source.dir / "0002_b.sql").rename(source.dir / "0002_c.sql")
    with pytest.raises(MigrationError, match=r"tiny/0002_b.sql was changed"):
        await migrate(database.owner_url, [source])
    second.unlink()
    with pytest.raises(MigrationError, match=r"tiny/0002_b.sql was applied and its file is missing"):
        await migrate(database.owner_url, [source])


async def test_sources_are_apart(database: Database, source: Source, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = Source("other", tmp_path_factory.mktemp("other"))
    (other.dir / "0001_z.sql").write_text("INSERT INTO a VALUES (9);")
    await migrate(database.owner_url, [source])
    assert await migrate(database.owner_url, [source, other]) == ["other/0001_z.sql"]
    assert await migrate(database.owner_url, [source]) == []


async def test_the_runtime_role_may_not_migrate(database: Database, source: Source) -> None:
    with pytest.raises(MigrationError, match="may not do that"):
        await migrate(database.url, [source])
