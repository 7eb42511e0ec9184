"""A campaign's dates and zone. Pure: no I/O, no clock."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from reporting import days


@dataclass(frozen=True, slots=True)
class Campaign:
    """What is known of a campaign. Facts may arrive before it was opened: then all but its slug is unknown."""

    campaign: str
    name: str | None = None
    region_code: str | None = None
    zone: ZoneInfo = days.WIB
    opens_on: date | None = None
    voting_day: date | None = None
    replayed: bool = False

    def days_to_go(self, as_of: date) -> int | None:
        """Days until voting day, seen from a day; negative afterwards."""
        return None if self.voting_day is None else (self.voting_day - as_of).days

    def latest_day(
        self, last_recorded_on: date | None, last_known_at: datetime, complete_through: datetime | None
    ) -> date:
        """The latest day of which anything is known: the default of `as_of`. No reader looks at a clock of its own.

        In a live campaign the relays' progress says that time has passed; a replayed one has a time of its own.
        """
        told = [last_known_at] if self.replayed or complete_through is None else [last_known_at, complete_through]
        known = [days.day_of(instant, self.zone) for instant in told]
        return max([*known, *([] if last_recorded_on is None else [last_recorded_on])])


def previous(day: date) -> date:
    """The day before."""
    return day if day == date.min else day - timedelta(days=1)
