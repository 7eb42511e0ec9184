"""`visits`: which recording sets go where on which day."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.envelope import Fact
from contracts.types import Count, Day, Group, Instant, Kind, Label, Slug, Uuid

VisitStatus = Literal["scheduled", "cancelled", "completed"]
# absent, internship, refused, documents_missing, device_fault: the office may add its own.
MissedReason = Slug


class Visit(Fact):
    """Recording sets sent to schools, or to a weekend session, for a day; the whole plan of it after the event."""

    aggregate: ClassVar[str] = "visit"
    visit_id: Uuid
    kind: Kind
    groups: list[Group] = Field(default_factory=list, max_length=1000)
    place: Label
    day: Day
    starts_at: Instant
    ends_at: Instant
    sets: Annotated[list[Slug], Field(max_length=1000, description="Ids of the recording sets that go.")]
    status: VisitStatus
    expected: Count | None = None
    missed: dict[MissedReason, Count] | None = None

    @property
    def subject(self) -> str:
        return self.visit_id


class VisitScheduled(Visit):
    """A new visit."""

    type: ClassVar[str] = "jemputbola.visit-scheduled.v1"


class VisitRescheduled(Visit):
    """The visit has another day, time, place, or other sets."""

    type: ClassVar[str] = "jemputbola.visit-rescheduled.v1"


class VisitCancelled(Visit):
    """The visit will not take place; its sets are free."""

    type: ClassVar[str] = "jemputbola.visit-cancelled.v1"


class VisitCompleted(Visit):
    """The visit took place; `missed` counts by reason who was not recorded."""

    type: ClassVar[str] = "jemputbola.visit-completed.v1"
