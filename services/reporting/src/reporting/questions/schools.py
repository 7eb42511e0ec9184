"""The schools, and how far each is. Pure: no I/O, no clock."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from contracts.schools import SchoolListed, group_of, npsn_of
from contracts.targets import TargetUpdated
from contracts.visits import Visit
from reporting.questions.coverage import DayRow, Figure, GroupRow, Rate, line
from reporting.questions.moment import Asked


class NextVisit(BaseModel):
    """The next visit still planned."""

    visit_id: str
    kind: str
    place: str
    day: date
    starts_at: datetime
    sets: Annotated[int, Field(description="How many recording sets go.")]


class School(BaseModel):
    """A school and how far it is. An unlisted one, known by its recordings or target alone, has no name."""

    npsn: str
    group: str
    listed: bool
    name: str | None = None
    school_kind: str | None = None
    ownership: str | None = None
    kecamatan: str | None = None
    kecamatan_code: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    invented: bool = False
    target: Figure
    recorded: int
    remaining: Figure
    excess: Figure
    coverage: Rate
    next_visit: NextVisit | None = None


class Schools(Asked):
    """Every school of the campaign."""

    schools: list[School]


class OneSchool(Asked):
    school: School
    targets: list[TargetUpdated]
    visits: list[Visit]


class SchoolDays(Asked):
    """On which days the school's persons were recorded."""

    npsn: str
    rows: list[DayRow]


def combine(
    listed: Mapping[str, SchoolListed], rows: Mapping[str, GroupRow], following: Mapping[str, Visit]
) -> list[School]:
    """A school for each that is listed, or has a recording or a target, in the order of their NPSN."""
    numbers = listed.keys() | {npsn for group in rows if (npsn := npsn_of(group))}
    return [
        _school(npsn, listed.get(npsn), rows.get(group_of(npsn)), following.get(group_of(npsn)))
        for npsn in sorted(numbers)
    ]


def _school(npsn: str, listed: SchoolListed | None, row: GroupRow | None, visit: Visit | None) -> School:
    described = {} if listed is None else listed.model_dump(exclude={"npsn", "campaign", "revision", "known_at"})
    figures = line(None, 0) if row is None else line(row.target, row.recorded)
    return School(
        **described,
        **figures._asdict(),
        npsn=npsn,
        group=group_of(npsn),
        listed=listed is not None,
        next_visit=None if visit is None else NextVisit(**{**dict(visit), "sets": len(visit.sets)}),
    )
