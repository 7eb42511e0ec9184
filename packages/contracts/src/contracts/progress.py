"""`progress`: how far each relay has published, so that a reader can tell when "known" is complete."""

from datetime import datetime
from typing import Annotated, ClassVar
from uuid import uuid5

from pydantic import Field, StringConstraints

from contracts.envelope import NAMESPACE, Event
from contracts.types import MOST, SLUG, Instant, Whole


class ProgressMade(Event):
    """All that the owner knew until `through` is on this partition, before `end_offset`. Not of one campaign."""

    type: ClassVar[str] = "jemputbola.progress-made.v1"
    topic: Annotated[str, StringConstraints(max_length=249, pattern=SLUG)]
    partition: Annotated[int, Field(ge=0, le=2**31 - 1), Whole()]
    through: Instant
    end_offset: Annotated[int, Field(ge=0, le=MOST), Whole()]

    @property
    def subject(self) -> str:
        return f"{self.topic}/{self.partition}"

    @property
    def event_id(self) -> str:
        return str(uuid5(NAMESPACE, f"progress/{self.subject}/{self.through.isoformat()}/{self.end_offset}"))

    @property
    def time(self) -> datetime:
        """Until when all is published."""
        return self.through
