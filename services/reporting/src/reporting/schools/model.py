"""The answers about schools, targets, statements and visits."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from contracts.targets import FigureStated, TargetUpdated
from contracts.visits import Visit
from reporting.coverage.model import Asked, DayRow, Figure, Rate


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
    """One school, with the decisions about its target and its visits."""

    school: School
    targets: list[TargetUpdated]
    visits: list[Visit]


class SchoolDays(Asked):
    """On which days the school's persons were recorded."""

    npsn: str
    rows: list[DayRow]


class TargetRow(TargetUpdated):
    """A revision of a decision, and whether it is the one in force."""

    in_force: bool


class Targets(Asked):
    """Every revision of the office's decisions known by then."""

    targets: list[TargetRow]


class Statements(Asked):
    """What was stated, by whom, about what: evidence, which changes no coverage."""

    statements: list[FigureStated]


class Visits(Asked):
    """The visits, each as its latest revision says."""

    visits: list[Visit]
