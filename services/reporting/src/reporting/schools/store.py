"""The campaign and its schools, as the topic `schools` says."""

from datetime import date, datetime
from typing import Any

from exactly_once import Connection
from reporting import days
from reporting.schools.rules import Campaign
from reporting.versions import SCHOOLS


def campaign(slug: str, data: dict[str, Any] | None) -> Campaign:
    """The campaign as its event says; without one, only its slug is known."""
    if data is None:
        return Campaign(slug)
    return Campaign(
        campaign=slug,
        name=data["name"],
        region_code=data["region_code"],
        zone=days.zone(data["zone"]),
        opens_on=date.fromisoformat(data["opens_on"]),
        voting_day=date.fromisoformat(data["voting_day"]),
        replayed=data["clock"] == "replay",
    )


async def schools(tx: Connection, slug: str, known_at: datetime | None = None) -> dict[str, dict[str, Any]]:
    """The schools by NPSN, as the events say."""
    return {data["npsn"]: data for data in await SCHOOLS.newest(tx, slug, known_at)}


async def school_names(tx: Connection, slug: str, known_at: datetime | None = None) -> dict[str, str]:
    """What the schools' groups are called."""
    return {f"npsn:{npsn}": name for npsn, name in (await SCHOOLS.newest_field(tx, slug, "name", known_at)).items()}
