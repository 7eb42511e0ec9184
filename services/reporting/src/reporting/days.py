"""Days and instants of a campaign. Pure: the time is passed in. Nothing fails at the ends of the calendar."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WIB: Final = ZoneInfo("Asia/Jakarta")
FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)


def zone(name: str) -> ZoneInfo:
    """The time zone of that name; WIB when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return WIB


def utc(instant: datetime) -> datetime:
    """The same instant in UTC."""
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        return FIRST if instant.year == 1 else LAST


def day_of(instant: datetime, where: ZoneInfo) -> date:
    """The day on which it happens there."""
    try:
        return instant.astimezone(where).date()
    except OverflowError:
        return date.min if instant.year == 1 else date.max


def end_of(day: date, where: ZoneInfo) -> datetime:
    """The last instant of a day there."""
    try:
        return utc(datetime.combine(day + timedelta(days=1), time.min, where)) - timedelta(microseconds=1)
    except OverflowError:
        return LAST
