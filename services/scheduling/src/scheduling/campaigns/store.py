"""Campaigns and their schools as the `schools` topic says."""

from collections.abc import Collection
from typing import Final

from chassis.refusal import Unknown
from contracts.schools import CampaignOpened, SchoolListed, npsn_of
from exactly_once import Connection, FactTable

CAMPAIGNS: Final = FactTable("scheduling.campaign_revision", CampaignOpened)
SCHOOLS: Final = FactTable("scheduling.school_revision", SchoolListed)

_ADD_NAMES: Final = """
INSERT INTO scheduling.campaign (campaign) SELECT DISTINCT unnest($1::text[]) ORDER BY 1 ON CONFLICT DO NOTHING
"""
_LOCK: Final = "SELECT true FROM scheduling.campaign WHERE campaign = $1 FOR NO KEY UPDATE"


async def add_names(tx: Connection, campaigns: Collection[str]) -> None:
    """Makes the rows that commands to these campaigns lock."""
    await tx.execute(_ADD_NAMES, list(campaigns))


async def locked(tx: Connection, campaign: str) -> CampaignOpened:
    """The campaign, locked until the transaction ends: nobody else plans in it. Raises Unknown."""
    # Two statements: what the second reads must be as others left it when the lock was theirs.
    await tx.execute(_LOCK, campaign)
    return await opened(tx, campaign)


async def opened(tx: Connection, campaign: str) -> CampaignOpened:
    """The campaign as last heard of. Raises Unknown."""
    last = await CAMPAIGNS.last(tx, campaign, campaign)
    if last is None:
        raise Unknown(
            "This campaign is not known here: either enrollment has not opened it, or the event that says so "
            "has not yet arrived over the topic `schools`. Try again in a moment.",
            reason="unknown_campaign",
        )
    return last


async def listed(tx: Connection, campaign: str, groups: Collection[str]) -> frozenset[str]:
    """Those of the groups that are schools of the campaign."""
    npsns = [npsn for group in groups if (npsn := npsn_of(group)) is not None]
    return frozenset(school.group for school in await SCHOOLS.newest(tx, campaign, ids=npsns))
