"""Topics in: what `schools` says about campaigns and schools."""

from typing import Any

from exactly_once import Batch, Connection
from scheduling.campaigns import store


async def on_schools(tx: Connection, batch: Batch[Any]) -> None:
    """Keeps every revision; one that contradicts itself becomes a dead letter."""
    opened = await store.CAMPAIGNS.keep(tx, batch)
    await store.add_names(tx, {campaign.campaign for campaign in opened})
    await store.SCHOOLS.keep(tx, batch)
