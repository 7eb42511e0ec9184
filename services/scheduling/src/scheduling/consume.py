"""Topics in: what `schools` says about campaigns and schools. Targets and recordings come with the planner."""

from typing import Any
from zoneinfo import ZoneInfo

from contracts.schools import CampaignOpened, SchoolListed
from exactly_once import Batch, Connection, Received
from scheduling.campaigns import store


async def on_schools(tx: Connection, batch: Batch[Any]) -> None:
    """Keeps every revision. One that contradicts itself, or a campaign of no time zone, becomes a dead letter."""
    campaigns, schools = [], []
    for received in batch:
        if isinstance(received.event, SchoolListed):
            schools.append(received)
        elif isinstance(received.event, CampaignOpened) and is_zone(received.event.zone):
            campaigns.append(received)
        else:
            batch.reject(received, "unknown_zone", "zone: no name of the IANA time zone database")
    conflicts: list[Received[Any]] = [*await store.keep_campaigns(tx, campaigns)]
    conflicts += await store.keep_schools(tx, schools)
    for received in conflicts:
        batch.reject(received, "revision_conflict", "this revision has said something else before")


def is_zone(name: str) -> bool:
    """Whether days can be counted in a zone of this name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
