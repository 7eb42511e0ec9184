"""SQL of statements and targets: every revision is kept."""

from collections.abc import Collection

from contracts.targets import FigureStated, TargetUpdated
from exactly_once import Connection


async def lock(tx: Connection, campaign: str) -> None:
    """One transaction at a time decides on figures of a campaign."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('figures/' || $1::text, 0))", campaign)


async def new_statement_id(tx: Connection) -> str:
    """A UUIDv7."""
    made: str = await tx.fetchval("SELECT uuidv7()::text")
    return made


async def unknown_statements(tx: Connection, campaign: str, statement_ids: Collection[str]) -> set[str]:
    """Which of these nobody has stated."""
    rows = await tx.fetch(
        """
        SELECT wanted::text FROM unnest($2::text[]::uuid[]) AS wanted
         WHERE NOT EXISTS (SELECT FROM enrollment.statement_revision WHERE campaign = $1 AND statement_id = wanted)
        """,
        campaign,
        list(statement_ids),
    )
    return {row[0] for row in rows}


async def statement_now(tx: Connection, campaign: str, statement_id: str) -> FigureStated | None:
    """A statement's last revision."""
    row = await tx.fetchval(
        """
        SELECT to_jsonb(statement_revision)::text FROM enrollment.statement_revision
         WHERE campaign = $1 AND statement_id = $2::text::uuid ORDER BY revision DESC LIMIT 1
        """,
        campaign,
        statement_id,
    )
    return None if row is None else FigureStated.model_validate_json(row)


async def statements(tx: Connection, campaign: str) -> list[FigureStated]:
    """Every revision of every statement, as they became known."""
    rows = await tx.fetch(
        """
        SELECT to_jsonb(statement_revision)::text FROM enrollment.statement_revision
         WHERE campaign = $1 ORDER BY known_at, statement_id, revision
        """,
        campaign,
    )
    return [FigureStated.model_validate_json(row[0]) for row in rows]


async def add_statement(tx: Connection, event: FigureStated) -> None:
    """Appends a revision."""
    await tx.execute(
        """
        INSERT INTO enrollment.statement_revision
        SELECT * FROM jsonb_populate_record(NULL::enrollment.statement_revision, $1::text::jsonb)
        """,
        event.model_dump_json(),
    )


async def target_now(tx: Connection, campaign: str, scope: str) -> TargetUpdated | None:
    """A scope's last decision."""
    row = await tx.fetchval(
        """
        SELECT to_jsonb(target_revision)::text FROM enrollment.target_revision
         WHERE campaign = $1 AND scope = $2 ORDER BY revision DESC LIMIT 1
        """,
        campaign,
        scope,
    )
    return None if row is None else TargetUpdated.model_validate_json(row)


async def targets(tx: Connection, campaign: str) -> list[TargetUpdated]:
    """Every decision for every scope, as they became known."""
    rows = await tx.fetch(
        """
        SELECT to_jsonb(target_revision)::text FROM enrollment.target_revision
         WHERE campaign = $1 ORDER BY known_at, scope, revision
        """,
        campaign,
    )
    return [TargetUpdated.model_validate_json(row[0]) for row in rows]


async def add_target(tx: Connection, event: TargetUpdated) -> None:
    """Appends a revision."""
    await tx.execute(
        """
        INSERT INTO enrollment.target_revision
        SELECT * FROM jsonb_populate_record(NULL::enrollment.target_revision, $1::text::jsonb)
        """,
        event.model_dump_json(),
    )
