"""The answer about what arrived late."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from reporting.coverage.model import Asked

Change = Literal["added", "removed", "moved"]


class LateCause(BaseModel):
    """How many persons changed for one cause."""

    change: Change
    cause: Annotated[str, Field(description="Of the revision that changed it; `counting_from` when only that changed.")]
    persons: int


class LateRow(BaseModel):
    """One person, without saying who."""

    change: Change
    cause: str
    group: Annotated[str, Field(description="Where the person counts now; where they did, if they no longer do.")]
    group_before: Annotated[str | None, Field(description="Where they counted as known then.")]
    kind: str
    recorded_on: date
    received_at: datetime
    known_at: Annotated[datetime, Field(description="Since when it is known.")]


class LateAnswer(Asked):
    """The same day, as known then (`known_at`) and as known now."""

    final: Annotated[bool, Field(description="What was known then is complete; what is known now still moves.")]
    recorded_then: int
    recorded_now: int
    added: int
    removed: int
    moved: int
    causes: list[LateCause]
    rows: list[LateRow]
