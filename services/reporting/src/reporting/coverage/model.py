"""The coverage answer, as interfaces.md has it."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, Field

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


class Asked(BaseModel):
    """Which moment an answer is about, and how certain it is."""

    campaign: str
    as_of: Annotated[date, Field(description="Recorded until the end of this day, in the campaign's zone.")]
    known_at: Annotated[datetime, Field(description="As known then; without the parameter: the last that was applied.")]
    complete_through: Annotated[
        datetime | None, Field(description="Everything known until then has been applied; null: cannot be told yet.")
    ]
    final: Annotated[bool, Field(description="complete_through has reached known_at.")]
    revision: Annotated[int, Field(description="How many revisions of facts are applied; once final, were known then.")]


class Coverage(Asked):
    """How far the campaign is."""

    total: Total
    rows: list[GroupRow] | list[DayRow] | list[KindRow] | list[DomicileRow]
    domiciled: Annotated[Domiciled | None, Field(exclude_if=lambda found: found is None)] = None
