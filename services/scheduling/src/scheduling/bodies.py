"""What commands say and what they are answered, as JSON. The names are those of the events."""

from datetime import date, datetime
from typing import Annotated, Any, cast

from pydantic import BaseModel, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from chassis.bodies import Moment, Revised
from contracts.types import AnyUuid, Count, Day, Flag, Group, Kind, Label, Reason, Slug, Whole
from contracts.visits import MissedReason, VisitStatus
from scheduling.sets.rules import RecordingSet
from scheduling.visits import model


def _one_or_the_other(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """One error about `sets`, where pydantic has one for each of the two, with pointers to nowhere."""
    try:
        return validate(value)
    except ValidationError:
        raise ValueError("must be 1 to 100 ids of sets, or how many") from None


SetList = Annotated[list[Slug], Field(min_length=1, max_length=100)]
HowMany = Annotated[int, Field(ge=1, le=100), Whole()]
Sets = Annotated[
    SetList | HowMany,
    WrapValidator(_one_or_the_other),
    Field(description="Ids of the recording sets that go, or how many: then the lowest ids of the free ones."),
]
Groups = Annotated[list[Group], Field(max_length=200, description="Whom it is for; a school visit names its schools.")]
StartsAt = Annotated[Moment, Field(description="Default: 08:00 on `day`, by the campaign's clock.")]
EndsAt = Annotated[Moment, Field(description="Default: 14:00 on `day`, by the campaign's clock.")]
Missed = Annotated[
    dict[MissedReason, Count],
    Field(
        max_length=50,
        description="Who was not recorded, by reason: `absent`, `internship`, `refused`, `documents_missing`, …",
    ),
]


class PutSet(Revised):
    """A recording set."""

    set_id: Annotated[Slug | None, Field(description="If given, the one in the address.")] = None
    label: Label | None = None
    in_service: Flag = True


class Schedule(Revised):
    """A new visit, or a weekend session."""

    visit_id: Annotated[AnyUuid, Field(description="UUIDv7; made by the service when left out.")] | None = None
    kind: Kind
    groups: Groups = Field(default_factory=list)
    place: Label
    day: Day
    starts_at: StartsAt | None = None
    ends_at: EndsAt | None = None
    sets: Sets
    expected: Count | None = None

    def asked(self) -> model.Asked:
        """For the rules."""
        return model.Asked(
            kind=self.kind,
            place=self.place,
            day=self.day,
            sets=self.sets,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            groups=tuple(self.groups),
            expected=self.expected,
        )


class OfVisit(Revised):
    """What every command to a visit may repeat."""

    visit_id: Annotated[AnyUuid | None, Field(description="If given, the one in the address.")] = None


class Reschedule(OfVisit):
    """What the visit is to have instead; what is left out, or null, stays. Another day alone keeps the hours."""

    kind: Kind | None = None
    groups: Groups | None = None
    place: Label | None = None
    day: Day | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    sets: Sets | None = None
    expected: Annotated[Count | None, Field(description="Null takes the number away.")] = None
    status: Annotated[VisitStatus | None, Field(description="If given, the one that it has.")] = None

    def changes(self) -> model.Changes:
        """For the rules."""
        said = self.model_dump(include=set(model.Changes.__annotations__), exclude_unset=True)
        return cast(
            model.Changes, {name: value for name, value in said.items() if value is not None or name == "expected"}
        )


class Cancel(OfVisit):
    """Why the visit will not take place."""

    reason: Reason


class Complete(OfVisit):
    """The visit took place."""

    missed: Missed | None = None


class SetAnswer(BaseModel):
    """A recording set as it is now."""

    campaign: str
    set_id: str
    revision: int
    known_at: datetime
    label: str | None = None
    in_service: bool


class SetsAnswer(BaseModel):
    """The campaign's recording sets, by id."""

    sets: list[SetAnswer]


class VisitAnswer(BaseModel):
    """A visit as it is now: what its event says, and why it was cancelled."""

    campaign: str
    visit_id: str
    revision: int
    known_at: datetime
    kind: str
    groups: list[str]
    place: str
    day: date
    starts_at: datetime
    ends_at: datetime
    sets: list[str]
    status: VisitStatus
    expected: int | None = None
    missed: dict[str, int] | None = None
    reason: str | None = None


class VisitsAnswer(BaseModel):
    """The campaign's visits, by day and start."""

    visits: list[VisitAnswer]


def of_set(one: RecordingSet) -> dict[str, Any]:
    """A set as JSON."""
    return SetAnswer.model_validate(one, from_attributes=True).model_dump(mode="json", exclude_none=True)


def of_visit(visit: model.Visit) -> dict[str, Any]:
    """A visit as JSON."""
    said = model.event(visit).model_dump(mode="json", exclude_none=True)
    return said if visit.reason is None else {**said, "reason": visit.reason}
