"""The recording sets: every revision is kept."""

from typing import Final

from exactly_once import Connection, FactTable
from scheduling.sets.rules import RecordingSet

SETS: Final = FactTable("scheduling.set_revision", RecordingSet)


async def in_service(tx: Connection, campaign: str) -> dict[str, bool]:
    """The campaign's sets by id, and whether each is in service."""
    return {recording_set.set_id: recording_set.in_service for recording_set in await SETS.newest(tx, campaign)}
