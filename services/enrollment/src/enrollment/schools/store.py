"""SQL of campaigns and schools: every revision is kept, the highest holds."""

import json
from collections.abc import Collection, Sequence

from contracts.schools import CampaignOpened, SchoolListed
from exactly_once import Connection


async def lock_campaign(tx: Connection, campaign: str) -> None:
    """Waits until nobody judges by the campaign, and keeps others from it until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('campaign/' || $1::text, 0))", campaign)


async def share_campaign(tx: Connection, campaign: str) -> None:
    """Keeps the campaign as it is until the transaction ends, together with others."""
    await tx.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended('campaign/' || $1::text, 0))", campaign)


async def lock_schools(tx: Connection, campaign: str) -> None:
    """One transaction at a time changes the schools of a campaign."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('schools/' || $1::text, 0))", campaign)


async def campaign_now(tx: Connection, campaign: str) -> CampaignOpened | None:
    """The campaign's last revision."""
    row = await tx.fetchval(
        """
        SELECT to_jsonb(campaign_revision)::text FROM enrollment.campaign_revision
         WHERE campaign = $1 ORDER BY revision DESC LIMIT 1
        """,
        campaign,
    )
    return None if row is None else CampaignOpened.model_validate_json(row)


async def has_submissions(tx: Connection, campaign: str) -> bool:
    """Whether a submission has been judged by the campaign's rules."""
    found: bool = await tx.fetchval("SELECT EXISTS (SELECT FROM enrollment.submission WHERE campaign = $1)", campaign)
    return found


async def add_campaign(tx: Connection, event: CampaignOpened) -> None:
    """Appends a revision."""
    await tx.execute(
        """
        INSERT INTO enrollment.campaign_revision
        SELECT * FROM jsonb_populate_record(NULL::enrollment.campaign_revision, $1::text::jsonb)
        """,
        event.model_dump_json(),
    )


async def schools_now(tx: Connection, campaign: str, npsns: Collection[str] | None = None) -> dict[str, SchoolListed]:
    """The last revisions of all schools, or of those named, by NPSN."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT ON (npsn) npsn, to_jsonb(school_revision)::text FROM enrollment.school_revision
         WHERE campaign = $1 AND ($2::text[] IS NULL OR npsn = ANY ($2::text[]))
         ORDER BY npsn, revision DESC
        """,
        campaign,
        None if npsns is None else list(npsns),
    )
    return {row[0]: SchoolListed.model_validate_json(row[1]) for row in rows}


async def add_schools(tx: Connection, events: Sequence[SchoolListed]) -> None:
    """Appends revisions."""
    await tx.execute(
        """
        INSERT INTO enrollment.school_revision
        SELECT * FROM jsonb_populate_recordset(NULL::enrollment.school_revision, $1::text::jsonb)
        """,
        json.dumps([event.model_dump(mode="json") for event in events]),
    )
