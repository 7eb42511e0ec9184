"""The visits, as the topic `visits` says."""

from datetime import datetime
from typing import Any

from exactly_once import Connection
from reporting.versions import VISITS


async def visits(tx: Connection, campaign: str, known_at: datetime | None = None) -> list[dict[str, Any]]:
    """The visits, each as its highest revision says, in the order of their days."""
    found = await VISITS.newest(tx, campaign, known_at)
    return sorted(found, key=lambda data: (data["day"], datetime.fromisoformat(data["starts_at"]), data["visit_id"]))
