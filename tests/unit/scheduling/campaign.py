"""A small campaign in which the tests plan: five days, three sets, six schools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from contracts.schools import CampaignOpened
from scheduling.visits.constraints import Situation
from scheduling.visits.model import Asked, PlannedVisit

WIB: Final = ZoneInfo("Asia/Jakarta")
DAYS: Final = tuple(date(2024, 11, number) for number in range(11, 16))
SCHOOLS: Final = tuple(f"npsn:9000000{number}" for number in range(1, 7))
SETS: Final[Mapping[str, bool]] = {"set-1": True, "set-2": True, "set-3": True}
NOW: Final = datetime(2024, 11, 1, 9, tzinfo=UTC)
CAMPAIGN: Final = CampaignOpened(
    campaign="ujian-2024",
    revision=1,
    known_at=NOW,
    name="Ujian",
    region_code="35.73",
    zone="Asia/Jakarta",
    opens_on=DAYS[0],
    voting_day=DAYS[-1],
    clock="replay",
)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """An instant by the campaign's clock."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=WIB)


def visit_id(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012d}"


def asked(**changes: Any) -> Asked:
    return Asked(
        **{
            "kind": "school_visit",
            "place": "SMK Contoh",
            "day": DAYS[1],
            "sets": ["set-1"],
            "groups": (SCHOOLS[0],),
            **changes,
        }
    )


def situation(*visits: PlannedVisit, sets: Mapping[str, bool] = SETS, listed: Iterable[str] = SCHOOLS) -> Situation:
    return Situation(CAMPAIGN, sets, frozenset(listed), visits)
