"""A campaign's revision: how many revisions of its facts have been applied, whatever batches they came in."""

from datetime import datetime
from typing import Final

from contracts.topics import Topic
from exactly_once import Connection

CHANNEL: Final = "reporting_changed"


async def record(tx: Connection, campaign: str, topic: Topic, last_known_at: datetime, risen: int) -> None:
    """Raises the campaign's revision by `risen`, and notifies those who watch it once the transaction commits."""
    await tx.execute(
        """
        WITH risen AS (
            INSERT INTO reporting.campaign_change AS change (campaign, topic, revision, last_known_at)
            VALUES ($1, $2, $3, $4)
            ON CONFLICT (campaign, topic) DO UPDATE
               SET revision = change.revision + excluded.revision,
                   last_known_at = greatest(change.last_known_at, excluded.last_known_at)
            RETURNING campaign)
        SELECT pg_notify($5, campaign) FROM risen
        """,
        campaign,
        topic.name,
        risen,
        last_known_at,
        CHANNEL,
    )


async def revisions(tx: Connection, campaigns: list[str]) -> dict[str, int]:
    """The revisions of the campaigns, without those of which nothing has been applied."""
    rows = await tx.fetch(
        """
        SELECT campaign, sum(revision)::bigint AS revision
          FROM reporting.campaign_change WHERE campaign = ANY($1::text[]) GROUP BY campaign
        """,
        campaigns,
    )
    return {row["campaign"]: row["revision"] for row in rows}


async def campaigns(tx: Connection) -> list[str]:
    """Every campaign of which something has been applied."""
    rows = await tx.fetch("SELECT DISTINCT campaign FROM reporting.campaign_change ORDER BY campaign")
    return [row["campaign"] for row in rows]
