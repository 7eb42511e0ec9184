"""Which moment a question is about: as of which day, as known at which instant. Pure: no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from contracts.days import day_of, utc
from contracts.schools import CampaignOpened

# Facts may arrive before it is heard how their campaign was opened, in which zone its days are. For showing them until
# then, and for nothing else: nothing is final so long.
UNOPENED: Final = ZoneInfo("Asia/Jakarta")


@dataclass(frozen=True, slots=True)
class Campaign:
    """What is known of a campaign. Until it is heard how it was opened all but its slug is unknown."""

    campaign: str
    name: str | None = None
    region_code: str | None = None
    zone: ZoneInfo = UNOPENED
    voting_day: date | None = None
    replayed: bool = False

    @classmethod
    def of(cls, slug: str, opened: CampaignOpened | None) -> Self:
        """The campaign as its event says."""
        if opened is None:
            return cls(slug)
        zone = ZoneInfo(opened.zone)
        return cls(slug, opened.name, opened.region_code, zone, opened.voting_day, opened.clock == "replay")

    def days_to_go(self, as_of: date) -> int | None:
        """Days until voting day, seen from a day; negative afterwards."""
        return None if self.voting_day is None else (self.voting_day - as_of).days

    def latest_day(self, last_recorded_on: date | None, last_known_at: datetime, watermark: datetime | None) -> date:
        """The latest day of which anything is known: the default of `as_of`. No reader looks at a clock of its own.

        In a live campaign the relays' progress says that time has passed; a replayed one has a time of its own.
        """
        told = [last_known_at] if self.replayed or watermark is None else [last_known_at, watermark]
        days = [day_of(instant, self.zone) for instant in told]
        return max([*days, *([] if last_recorded_on is None else [last_recorded_on])])


@dataclass(frozen=True, slots=True)
class Moment:
    """As of a day, as known at an instant; `asked_known_at` is None for the live answer.

    Asked for a known instant that is final, it says nothing that was learnt later: its watermark is that instant, and
    `revision` is how many revisions of facts were known then.
    """

    campaign: Campaign
    as_of: date
    asked_known_at: datetime | None
    known_at: datetime
    watermark: datetime | None  # everything known until then has been applied
    revision: int
    moved_by_time: bool = False  # the day was not asked for, and no event speaks of one so late

    @property
    def final(self) -> bool:
        """Everything that was known then has been applied, so that the answer can no longer change."""
        return self.watermark is not None and self.watermark >= self.known_at

    @property
    def settled(self) -> bool:
        """The answer will be the same for ever: asked for a known instant that is final.

        Not in a replayed campaign, whose events bring a time of their own: another replay may tell of an earlier one.
        """
        return self.asked_known_at is not None and self.final and not self.campaign.replayed


@dataclass(frozen=True, slots=True)
class Heard:
    """What has been applied of a campaign so far; `opened` are all revisions of its own event."""

    slug: str
    revision: int
    last_known_at: datetime
    last_recorded_on: date | None
    watermark: datetime | None
    opened: Sequence[CampaignOpened]

    def moment(self, as_of: date | None = None, known_at: datetime | None = None) -> Moment:
        """Fills in what was not asked for.

        Without `known_at`: what is known now. Without `as_of`: the day of `known_at`, else the latest day known of.
        """
        known_at = None if known_at is None else utc(known_at)
        campaign = Campaign.of(self.slug, self._as_known(known_at))
        watermark = self.watermark if self.opened else None
        told = campaign.latest_day(self.last_recorded_on, self.last_known_at, None)
        latest = campaign.latest_day(self.last_recorded_on, self.last_known_at, watermark)
        return Moment(
            campaign=campaign,
            as_of=as_of or (latest if known_at is None else day_of(known_at, campaign.zone)),
            asked_known_at=known_at,
            known_at=known_at or self.last_known_at,
            watermark=watermark,
            revision=self.revision,
            moved_by_time=as_of is None and known_at is None and latest > told,
        )

    def _as_known(self, known_at: datetime | None) -> CampaignOpened | None:
        """As said then; as first said, if nothing was known yet: the answer must not change later."""
        by_then = [opened for opened in self.opened if known_at is None or opened.known_at <= known_at]
        return by_then[-1] if by_then else next(iter(self.opened), None)


def previous(day: date) -> date:
    """The day before; the first day there is has none, and is returned."""
    return day if day == date.min else day - timedelta(days=1)


class Asked(BaseModel):
    """Which moment an answer is about, and how certain it is."""

    campaign: str
    as_of: Annotated[date, Field(description="Recorded until the end of this day, in the campaign's zone.")]
    known_at: Annotated[datetime, Field(description="As known then; without the parameter: the last that was applied.")]
    zone: Annotated[
        str, Field(description="The campaign's: days are counted in it, and a `known_at` without offset is read in it.")
    ]
    complete_through: Annotated[
        datetime | None, Field(description="Everything known until then has been applied; null: cannot be told yet.")
    ]
    final: Annotated[bool, Field(description="complete_through has reached known_at.")]
    revision: Annotated[int, Field(description="How many revisions of facts are applied; once final, were known then.")]


def about(moment: Moment) -> dict[str, Any]:
    """The members that every answer has."""
    return {
        "campaign": moment.campaign.campaign,
        "as_of": moment.as_of,
        "known_at": moment.known_at,
        "zone": moment.campaign.zone.key,
        "complete_through": moment.watermark,
        "final": moment.final,
        "revision": moment.revision,
    }
