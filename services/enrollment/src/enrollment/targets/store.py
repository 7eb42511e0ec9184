"""SQL of statements and targets: every revision is kept."""

from collections.abc import Collection
from typing import Final

from contracts.targets import FigureStated, TargetUpdated
from exactly_once import Connection, FactTable

STATEMENTS: Final = FactTable("enrollment.statement_revision", FigureStated)
TARGETS: Final = FactTable("enrollment.target_revision", TargetUpdated)


async def new_statement_id(tx: Connection) -> str:
    """A UUIDv7: ids sort by when they were made."""
    statement_id: str = await tx.fetchval("SELECT uuidv7()::text")
    return statement_id


async def unstated(tx: Connection, campaign: str, statement_ids: Collection[str]) -> set[str]:
    """Which of these nobody has stated."""
    rows = await tx.fetch(
        """
        SELECT wanted FROM unnest($2::text[]) AS wanted
         WHERE NOT EXISTS (SELECT FROM enrollment.statement_revision WHERE campaign = $1 AND id = wanted)
        """,
        campaign,
        list(statement_ids),
    )
    return {row["wanted"] for row in rows}
