"""`submission-decisions`: what became of each submission."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.envelope import Fact
from contracts.types import MOST, Cause, Slug, Uuid, Whole

Outcome = Literal["counted", "duplicate", "held", "rejected"]


class SubmissionDecided(Fact):
    """A submission's outcome; a later revision follows when a void, a restore or an earlier recording changes it."""

    type: ClassVar[str] = "jemputbola.submission-decided.v1"
    aggregate: ClassVar[str] = "submission"
    submission_id: Uuid
    device_id: Slug
    device_seq: Annotated[int, Field(ge=1, le=MOST), Whole()]
    outcome: Outcome
    reason: Cause | None = None

    @property
    def subject(self) -> str:
        return self.submission_id
