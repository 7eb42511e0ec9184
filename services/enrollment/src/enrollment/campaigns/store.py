"""SQL of campaigns: every revision is kept, the highest holds."""

from typing import Final, Literal

from chassis.refusal import Unknown
from contracts.schools import CampaignOpened
from exactly_once import Connection, FactTable

CAMPAIGNS: Final = FactTable("enrollment.campaign_revision", CampaignOpened)


async def lock(tx: Connection, campaign: str, part: Literal["campaign", "schools", "figures"]) -> None:
    """One transaction at a time changes this part of the campaign; the campaign itself while nobody assesses by it."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{part}/{campaign}")


async def share(tx: Connection, campaign: str) -> None:
    """Keeps the campaign as it is until the transaction ends, together with others."""
    await tx.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended('campaign/' || $1::text, 0))", campaign)


async def opened(tx: Connection, campaign: str) -> CampaignOpened:
    """The campaign as it is now. Raises Unknown."""
    last = await CAMPAIGNS.last(tx, campaign, campaign)
    if last is None:
        raise Unknown("There is no such campaign: PUT it first.")
    return last


async def every(tx: Connection) -> list[CampaignOpened]:
    """All campaigns as they are now, by their slugs."""
    newest = f"SELECT DISTINCT ON (campaign) type, data::text FROM {CAMPAIGNS.name} ORDER BY campaign, revision DESC"  # noqa: S608
    return [CAMPAIGNS.fact(row) for row in await tx.fetch(newest)]


async def has_submissions(tx: Connection, campaign: str) -> bool:
    """Whether a submission has been assessed by the campaign's rules."""
    exists: bool = await tx.fetchval("SELECT EXISTS (SELECT FROM enrollment.submission WHERE campaign = $1)", campaign)
    return exists
