"""What commands say and what they are answered, as JSON. The names are those of the events."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from typing_extensions import TypedDict

from contracts.types import Count, Day, Group, Instant, Kind, Label, Reason, Slug, Uuid
from contracts.visits import MissedReason, VisitStatus
from scheduling.sets.rules import RecordingSet
from scheduling.visits import model

EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
STRICT: Final = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _plausible(instant: datetime) -> datetime:
    if not EARLIEST <= instant <= LATEST:
        raise ValueError("must be between 1970-01-02 and 2200-01-01")
    return instant


def _one_or_the_other(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """One error about `sets`, where pydantic has one for each of the two, with pointers to nowhere."""
    try:
        return validate(value)
    except ValidationError:
        raise ValueError("must be 1 to 100 ids of sets, or how many") from None


# Far from the ends of the calendar, so that no zone leads beyond it.
Moment = Annotated[
    Instant,
    AfterValidator(_plausible),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "RFC 3339 with offset, 1970 to 2200."}),
]
KnownAt = Annotated[
    Moment, Field(description="The instant of the decision: required in a replayed campaign, refused in a live one.")
]
SetList = Annotated[list[Slug], Field(min_length=1, max_length=100)]
HowMany = Annotated[int, Field(strict=True, ge=1, le=100)]
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


class Command(BaseModel):
    """What every command may carry."""

    model_config = STRICT

    known_at: KnownAt | None = None


class PutSet(Command):
    """A recording set."""

    label: Label | None = None
    in_service: bool = True


class Schedule(Command):
    """A new visit, or a weekend session."""

    visit_id: Annotated[Uuid, Field(description="UUIDv7; made by the service when left out.")] | None = None
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


class Reschedule(TypedDict, total=False):
    """What the visit is to have instead; what is left out stays. Another day alone keeps the hours."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    known_at: KnownAt
    kind: Kind
    groups: Groups
    place: Label
    day: Day
    starts_at: Moment
    ends_at: Moment
    sets: Sets
    expected: Count | None


class Cancel(Command):
    """Why the visit will not take place."""

    reason: Reason


class Complete(Command):
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
