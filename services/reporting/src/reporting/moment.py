"""Which moment a question is about: two instants, one reading of the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from exactly_once import Connection, Pool
from reporting import changes, days
from reporting.progress import rules as progress
from reporting.progress.store import COMPLETE_THROUGH, FACT_TOPICS
from reporting.schools.rules import Campaign
from reporting.schools.store import campaign as read_campaign

# The campaign as its event said then; as the first one said, if it was not known yet: the answer must not change later.
MOMENT: Final = f"""
    SELECT sum(revision)::bigint AS revision, max(last_known_at) AS last_known_at,
           (SELECT data FROM campaign_version WHERE campaign = $1
             ORDER BY CASE WHEN $2::timestamptz IS NULL OR known_at <= $2 THEN revision ELSE -revision END DESC
             LIMIT 1) AS data,
           (SELECT recorded_on FROM coverage_day WHERE campaign = $1 AND n <> 0
             ORDER BY recorded_on DESC LIMIT 1) AS last_recorded_on,
           ({COMPLETE_THROUGH.replace("$topics", "$3::text[]")}) AS complete_through
      FROM campaign_change WHERE campaign = $1 HAVING count(*) > 0
"""  # noqa: S608


class UnknownCampaign(LookupError):
    """Nothing has ever been heard of it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """As of a day, as known at an instant; `asked_known_at` is None for the live answer.

    Asked for a known instant that is final, it says nothing that was learnt later: it is complete through that instant,
    and `revision` is how many revisions of facts were known then.
    """

    campaign: Campaign
    as_of: date
    asked_known_at: datetime | None
    known_at: datetime
    complete_through: datetime | None
    revision: int
    last_known_at: datetime
    moved_by_time: bool = False  # the day was not asked for, and no event speaks of one so late

    @property
    def final(self) -> bool:
        """Everything that was known then has been applied."""
        return progress.is_final(self.known_at, self.complete_through)

    @property
    def settled(self) -> bool:
        """The answer will be the same for ever: asked for a known instant that is final.

        Not in a replayed campaign, whose events bring a time of their own: another replay may tell of an earlier one.
        """
        return self.asked_known_at is not None and self.final and not self.campaign.replayed


@asynccontextmanager
async def reading(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction in which every query sees the same state."""
    async with pool.acquire() as tx, tx.transaction(isolation="repeatable_read", readonly=True):
        yield tx


async def moment(tx: Connection, slug: str, as_of: date | None = None, known_at: datetime | None = None) -> Moment:
    """Fills in what was not asked for. Raises UnknownCampaign.

    Without `known_at`: what is known now. Without `as_of`: the day of `known_at`, else the latest day known of.
    """
    known_at = None if known_at is None else days.utc(known_at)
    row = await tx.fetchrow(MOMENT, slug, known_at, FACT_TOPICS)
    if row is None:
        raise UnknownCampaign
    campaign = read_campaign(slug, row["data"])
    last_known_at = row["last_known_at"]
    # Until it is heard how the campaign was opened nothing is final: that says what a day is, and whose clock holds.
    through = row["complete_through"] if row["data"] else None
    told = campaign.latest_day(row["last_recorded_on"], last_known_at, None)
    latest = campaign.latest_day(row["last_recorded_on"], last_known_at, through)
    at = Moment(
        campaign=campaign,
        as_of=as_of or (latest if known_at is None else days.day_of(known_at, campaign.zone)),
        asked_known_at=known_at,
        known_at=known_at or last_known_at,
        complete_through=through,
        revision=row["revision"],
        last_known_at=last_known_at,
        moved_by_time=as_of is None and known_at is None and latest > told,
    )
    if known_at is None or not at.final:
        return at
    return replace(at, complete_through=known_at, revision=await changes.known_by(tx, slug, known_at))
