"""How far each school is from its target. Pure: no I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, Field

from contracts.schools import SchoolListed, npsn_of
from reporting.questions.moment import Asked, Moment, about
from reporting.questions.targets import TargetsInForce

By = Literal["group", "day", "kind", "domicile"]

Figure = Annotated[int | None, Field(description="Null while no target is in force.")]
Rate = Annotated[float | None, Field(description="recorded / target, 4 digits; may exceed 1; null without a target.")]


class Total(BaseModel):
    """The campaign as a whole."""

    target: Figure
    recorded: int
    remaining: Figure
    excess: Figure
    coverage: Rate
    allocated: Annotated[int, Field(description="Sum of the groups' targets.")]
    unallocated: Annotated[
        int | None, Field(description="target - allocated, may be negative; null without a decision for the campaign.")
    ]
    counting_from: Annotated[date | None, Field(description="First day that counts; null: every day.")]


class GroupRow(BaseModel):
    """A group that has a target in force or a recording."""

    group: str
    name: Annotated[str | None, Field(description="Of the school; null outside schools and for unlisted ones.")]
    target: Figure
    recorded: int
    remaining: Figure
    excess: Figure
    coverage: Rate
    counting_from: Annotated[
        date | None,
        Field(
            description="The group's own first day that counts, where later than the campaign's.",
            exclude_if=lambda day: day is None,
        ),
    ] = None


class DayRow(BaseModel):
    """A day on which somebody was recorded."""

    day: date
    recorded: int
    cumulative: int


class KindRow(BaseModel):
    """A kind of recording point."""

    kind: str
    recorded: int


class DomicileRow(BaseModel):
    """A regency of domicile; a second line, never added to the first."""

    domicile: Annotated[str | None, Field(description="Regency code; null where unknown.")]
    in_region: Annotated[bool | None, Field(description="Whether it is the campaign's region; null where unknown.")]
    recorded: int


class Domiciled(BaseModel):
    """The total by domicile."""

    in_region: int
    elsewhere: int
    unknown: int


class Coverage(Asked):
    """How far the campaign is."""

    total: Total
    rows: list[GroupRow] | list[DayRow] | list[KindRow] | list[DomicileRow]
    domiciled: Annotated[Domiciled | None, Field(exclude_if=lambda domiciled: domiciled is None)] = None

    @property
    def by_group(self) -> dict[str, GroupRow]:
        return {row.group: row for row in self.rows if isinstance(row, GroupRow)}


class Line(NamedTuple):
    """One line of a coverage table. Without a target it is unknown what remains: never 0, never 100 %."""

    target: int | None
    recorded: int
    remaining: int | None
    excess: int | None
    coverage: float | None


def line(target: int | None, recorded: int) -> Line:
    """What `recorded` persons are of `target`. Coverage is rounded to 4 digits; of a target of 0 it is unknown."""
    if target is None:
        return Line(None, recorded, None, None, None)
    coverage = round(recorded / target, 4) if target else None
    return Line(target, recorded, max(target - recorded, 0), max(recorded - target, 0), coverage)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many persons count in each group, on each day, or of each kind or domicile, and in all.

    `rows` leave out who was recorded before the group's own first day; the campaign as a whole counts them.
    """

    rows: Mapping[str, int]
    total: int


def coverage(
    moment: Moment, targets: TargetsInForce, schools: Mapping[str, SchoolListed], by: By, counts: Counts
) -> Coverage:
    """How far the campaign is at a moment, with rows by group, day, kind or domicile."""
    domiciled = None
    rows: list[GroupRow] | list[DayRow] | list[KindRow] | list[DomicileRow]
    match by:
        case "group":
            rows = group_rows(targets, counts.rows, schools)
        case "day":
            rows = day_rows(counts.rows)
        case "kind":
            rows = [KindRow(kind=kind, recorded=n) for kind, n in counts.rows.items()]
        case "domicile":
            rows = domicile_rows(counts.rows, moment.campaign.region_code)
            domiciled = Domiciled(
                in_region=sum(row.recorded for row in rows if row.in_region),
                elsewhere=sum(row.recorded for row in rows if row.in_region is False),
                unknown=sum(row.recorded for row in rows if row.in_region is None),
            )
    return Coverage(**about(moment), total=total(targets, counts.total), rows=rows, domiciled=domiciled)


def total(targets: TargetsInForce, recorded: int) -> Total:
    """The campaign's own line: everybody who counts, whatever the groups' own first days. It may exceed their sum."""
    return Total(
        **line(targets.target, recorded)._asdict(),
        allocated=targets.allocated,
        unallocated=targets.unallocated,
        counting_from=targets.counting_from,
    )


def group_rows(
    targets: TargetsInForce, recorded: Mapping[str, int], schools: Mapping[str, SchoolListed]
) -> list[GroupRow]:
    """A row for every group with a target in force or a recording, schools first, in the order of their ids."""
    rows, later = [], targets.later_starts
    for group in sorted({group for group, n in recorded.items() if n} | set(targets.groups)):
        target, school = targets.groups.get(group), schools.get(npsn_of(group) or "")
        rows.append(
            GroupRow(
                group=group,
                name=None if school is None else school.name,
                **line(None if target is None else target.value, recorded.get(group, 0))._asdict(),
                counting_from=later.get(group),
            )
        )
    return rows


def day_rows(recorded: Mapping[str, int]) -> list[DayRow]:
    """A row for every day on which somebody was recorded, with the sum until then."""
    return [
        DayRow(day=date.fromisoformat(day), recorded=n, cumulative=so_far)
        for (day, n), so_far in zip(recorded.items(), accumulate(recorded.values()), strict=True)
    ]


def domicile_rows(recorded: Mapping[str, int], region: str | None) -> list[DomicileRow]:
    """A row for every regency of domicile; '' is where nobody knows it."""
    return [
        DomicileRow(
            domicile=regency or None,
            in_region=None if not regency or region is None else regency == region,
            recorded=n,
        )
        for regency, n in recorded.items()
    ]
