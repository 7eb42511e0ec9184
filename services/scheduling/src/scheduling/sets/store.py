"""The recording sets: every revision is kept."""

from typing import Final

from exactly_once import Connection, FactTable
from scheduling.sets.rules import RecordingSet

SETS: Final = FactTable("scheduling.set_revision", RecordingSet)


async def in_service(tx: Connection, campaign: str) -> dict[str, bool]:
    """The campaign's sets by id, and whether each is in service."""
    return {each.set_id: each.in_service for each in await SETS.newest(tx, campaign)}
