"""Campaigns and their schools as the `schools` topic says: every revision is kept, the highest wins."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from contracts.schools import CampaignOpened, SchoolListed
from exactly_once import Connection, Received

_KEEP_NAMES: Final = """
INSERT INTO campaign (campaign) SELECT DISTINCT unnest($1::text[]) ORDER BY 1 ON CONFLICT DO NOTHING
"""
_KEEP_CAMPAIGN: Final = """
INSERT INTO campaign_version (campaign, revision, known_at, content_sha256, data)
VALUES ($1, $2, $3, $4, $5::text::jsonb) ON CONFLICT DO NOTHING
"""
_KEEP_SCHOOL: Final = """
INSERT INTO school_version (campaign, npsn, revision, known_at, content_sha256, data)
VALUES ($1, $2, $3, $4, $5, $6::text::jsonb) ON CONFLICT DO NOTHING
"""
_CAMPAIGN_HASHES: Final = """
SELECT content_sha256 FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS said (campaign, revision, ord)
  JOIN campaign_version USING (campaign, revision) ORDER BY ord
"""
_SCHOOL_HASHES: Final = """
SELECT content_sha256
  FROM unnest($1::text[], $2::text[], $3::int[]) WITH ORDINALITY AS said (campaign, npsn, revision, ord)
  JOIN school_version USING (campaign, npsn, revision) ORDER BY ord
"""
_LOCK: Final = "SELECT true FROM campaign WHERE campaign = $1 FOR NO KEY UPDATE"
_CAMPAIGN: Final = "SELECT data::text FROM campaign_current WHERE campaign = $1"
_LISTED: Final = (
    "SELECT 'npsn:' || npsn AS school FROM school_current WHERE campaign = $1 AND 'npsn:' || npsn = ANY ($2)"
)


async def keep_campaigns(tx: Connection, said: Sequence[Received[CampaignOpened]]) -> list[Received[CampaignOpened]]:
    """Keeps revisions of campaigns; returns those that say something else than the same revision said before."""
    events = [received.event for received in said]
    await tx.execute(_KEEP_NAMES, [event.campaign for event in events])
    rows = [(e.event.campaign, e.event.revision, e.event.known_at, _hash(e), e.event.model_dump_json()) for e in said]
    await tx.executemany(_KEEP_CAMPAIGN, rows)
    kept = await tx.fetch(_CAMPAIGN_HASHES, [e.campaign for e in events], [e.revision for e in events])
    return [new for new, old in zip(said, kept, strict=True) if _hash(new) != old["content_sha256"]]


async def keep_schools(tx: Connection, said: Sequence[Received[SchoolListed]]) -> list[Received[SchoolListed]]:
    """Keeps revisions of schools; returns those that say something else than the same revision said before."""
    events = [received.event for received in said]
    rows = [
        (e.event.campaign, e.event.npsn, e.event.revision, e.event.known_at, _hash(e), e.event.model_dump_json())
        for e in said
    ]
    await tx.executemany(_KEEP_SCHOOL, rows)
    kept = await tx.fetch(
        _SCHOOL_HASHES, [e.campaign for e in events], [e.npsn for e in events], [e.revision for e in events]
    )
    return [new for new, old in zip(said, kept, strict=True) if _hash(new) != old["content_sha256"]]


async def lock(tx: Connection, campaign: str) -> CampaignOpened | None:
    """The campaign, locked until the transaction ends: nobody else plans in it. None when it is unknown."""
    # Two statements: what the second reads must be as others left it when the lock was theirs.
    await tx.execute(_LOCK, campaign)
    return await read(tx, campaign)


async def read(tx: Connection, campaign: str) -> CampaignOpened | None:
    """The campaign as last heard of; None when it is unknown."""
    data = await tx.fetchval(_CAMPAIGN, campaign)
    return None if data is None else CampaignOpened.model_validate_json(data)


async def listed(tx: Connection, campaign: str, groups: Sequence[str]) -> frozenset[str]:
    """Those of the groups that are schools of the campaign."""
    return frozenset(row["school"] for row in await tx.fetch(_LISTED, campaign, list(groups)))


def _hash(received: Received[CampaignOpened] | Received[SchoolListed]) -> bytes:
    return sha256(received.record.value or b"").digest()
