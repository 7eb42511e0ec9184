"""A campaign's revision: how many revisions of its facts have been applied, whatever batches they came in."""

from datetime import datetime
from typing import Final

from contracts.topics import Topic
from exactly_once import Connection

CHANNEL: Final = "reporting_changed"


async def record(tx: Connection, campaign: str, topic: Topic, last_known_at: datetime, n: int) -> None:
    """Raises the campaign's revision by `n`, and tells those who watch it once the transaction commits."""
    await tx.execute(
        """
        WITH risen AS (
            INSERT INTO campaign_change AS change (campaign, topic, revision, last_known_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (campaign, topic) DO UPDATE
               SET revision = change.revision + excluded.revision,
                   last_known_at = greatest(change.last_known_at, excluded.last_known_at)
            RETURNING campaign)
        SELECT pg_notify($5, campaign) FROM risen
        """,
        campaign,
        topic.name,
        n,
        last_known_at,
        CHANNEL,
    )


async def revisions(tx: Connection, campaigns: list[str]) -> dict[str, int]:
    """The revisions of those of the campaigns that are known."""
    rows = await tx.fetch(
        """
        SELECT campaign, sum(revision)::bigint AS revision
          FROM campaign_change WHERE campaign = ANY($1::text[]) GROUP BY campaign
        """,
        campaigns,
    )
    return {row["campaign"]: row["revision"] for row in rows}


async def known_by(tx: Connection, campaign: str, known_at: datetime) -> int:
    """How many revisions of facts were known at an instant: the revision of an answer as known then.

    Decisions about submissions are not among them: only the latest is kept, and no such answer has them.
    """
    known: int = await tx.fetchval(
        """
        SELECT (SELECT count(*) FROM recording_version WHERE campaign = $1 AND known_at <= $2)
             + (SELECT count(*) FROM campaign_version WHERE campaign = $1 AND known_at <= $2)
             + (SELECT count(*) FROM school_version WHERE campaign = $1 AND known_at <= $2)
             + (SELECT count(*) FROM target_version WHERE campaign = $1 AND known_at <= $2)
             + (SELECT count(*) FROM statement_version WHERE campaign = $1 AND known_at <= $2)
             + (SELECT count(*) FROM visit_version WHERE campaign = $1 AND known_at <= $2)
        """,
        campaign,
        known_at,
    )
    return known


async def campaigns(tx: Connection) -> list[str]:
    """Every campaign that something is known of."""
    rows = await tx.fetch("SELECT DISTINCT campaign FROM campaign_change ORDER BY campaign")
    return [row["campaign"] for row in rows]
