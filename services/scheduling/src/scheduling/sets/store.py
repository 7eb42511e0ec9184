"""The SQL of recording sets: every revision is kept."""

from typing import Final

from exactly_once import Connection
from scheduling.sets.rules import RecordingSet

_ONE: Final = """
SELECT campaign, set_id, revision, known_at, label, in_service FROM set_current WHERE campaign = $1 AND set_id = $2
"""
_ALL: Final = """
SELECT campaign, set_id, revision, known_at, label, in_service FROM set_current WHERE campaign = $1 ORDER BY set_id
"""
_ADD: Final = """
INSERT INTO set_version (campaign, set_id, revision, known_at, label, in_service) VALUES ($1, $2, $3, $4, $5, $6)
"""


async def one(tx: Connection, campaign: str, set_id: str) -> RecordingSet | None:
    """The set as it is now; None when there is none."""
    row = await tx.fetchrow(_ONE, campaign, set_id)
    return None if row is None else RecordingSet(**row)


async def all_of(tx: Connection, campaign: str) -> list[RecordingSet]:
    """The campaign's sets as they are now, by id."""
    return [RecordingSet(**row) for row in await tx.fetch(_ALL, campaign)]


async def add(tx: Connection, new: RecordingSet) -> None:
    """Adds a revision."""
    await tx.execute(_ADD, new.campaign, new.set_id, new.revision, new.known_at, new.label, new.in_service)
