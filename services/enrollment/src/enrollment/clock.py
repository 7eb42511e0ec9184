"""Instants that enrollment decides: strictly increasing per aggregate. Pure: the clock's time is passed in.

All are kept in UTC: an event that is made again from the tables is the same to the byte.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

TICK: Final = timedelta(microseconds=1)
# Far from the ends of the calendar, so that no zone or tick leads beyond it.
EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


def next_known_at(now: datetime, last: datetime | None) -> datetime:
    """`now` in UTC, or a microsecond after the aggregate's last `known_at` where that is later."""
    return (now if last is None else max(now, last + TICK)).astimezone(UTC)


def is_plausible(instant: datetime) -> bool:
    """Whether an instant can be stored, compared and shown in every zone."""
    return EARLIEST <= instant <= LATEST
