"""Days and instants of a campaign. Pure: the time is passed in. Nothing fails at the ends of the calendar."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)

# What a campaign can have. Far from the ends of the calendar, so that no zone leads beyond it.
FIRST_DAY: Final = date(1970, 1, 1)
LAST_DAY: Final = date(2200, 1, 1)
EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


def is_plausible(instant: datetime) -> bool:
    """Whether an instant can be stored, compared and shown in every zone."""
    return EARLIEST <= instant <= LATEST


def names_a_place(zone: str) -> bool:
    """Whether a time zone is that of a place, as `Asia/Jakarta`; not `UTC`, not `Etc/GMT+7`."""
    area, _, place = zone.partition("/")
    return bool(place) and area not in {"Etc", "SystemV", "posix", "right"}


def is_zone(name: str) -> bool:
    """Whether days can be counted in a zone of this name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        return FIRST if instant.year == 1 else LAST


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    try:
        return instant.astimezone(zone).date()
    except OverflowError:
        return date.min if instant.year == 1 else date.max


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """The last instant of a day there."""
    try:
        return utc(datetime.combine(day + timedelta(days=1), time.min, zone)) - timedelta(microseconds=1)
    except OverflowError:
        return LAST
