"""What a question asks for, read by the same rules at every door: the day, and the instant as of which it was known."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import BeforeValidator

from chassis.problems import INVALID, Problem
from contracts.days import is_plausible, utc
from contracts.types import INSTANT_WITHIN, Day, WrittenOut
from reporting.questions.moment import Heard

_OFFSET_IN_A_URL: Final = re.compile(r" (\d\d:?\d\d)$")
_WITH_A_TIME: Final = re.compile(r"[Tt _]\d\d:\d\d")
CLOCKS_DIFFER: Final = timedelta(minutes=1)


def _written(value: Any) -> Any:
    """In a query `+07:00` means ` 07:00`: people forget to write `%2B`. A day alone is no instant."""
    if not isinstance(value, str):
        return value
    if not _WITH_A_TIME.search(value):
        raise ValueError("must be a day and a time, as 2024-11-08T09:00:00")
    return _OFFSET_IN_A_URL.sub(r"+\1", value)


AsOf = Annotated[
    Day | None, Query(description="Recorded until the end of this day; default: the day of `known_at`, or the latest.")
]
KnownAt = Annotated[
    Annotated[datetime, WrittenOut("date-time", bounded=False)] | None,
    BeforeValidator(_written),
    Query(
        description="As known at this instant; without an offset from UTC it is one of the campaign's `zone`. "
        "Default: as known now."
    ),
]


def instant_asked(known_at: datetime | None, heard: Heard) -> datetime | None:
    """The instant that is asked for, in the campaign's zone where it has no offset of its own.

    Raises Problem for one that no campaign can have, and for one after now, of which nothing is known yet.
    """
    if known_at is None:
        return None
    instant = utc(known_at if known_at.tzinfo else known_at.replace(tzinfo=heard.moment().campaign.zone))
    if not is_plausible(instant):
        raise _wrong(INSTANT_WITHIN)
    # A replayed campaign may be ahead of every clock here.
    if instant > max(datetime.now(UTC), heard.last_known_at) + CLOCKS_DIFFER:
        raise _wrong("lies after now, and nothing is known of that yet: leave it out to ask what is known now")
    return instant


def _wrong(detail: str) -> Problem:
    return Problem(INVALID, errors=[{"detail": detail, "parameter": "known_at", "in": "query"}])
