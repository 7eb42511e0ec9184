"""What the body of every command may hold beside what it asks for: an answer that is edited and sent back is one.

An answer repeats its address, and has a revision and a `known_at`. So a body may repeat the address too, its `revision`
means what `If-Match` means, and a `known_at` that comes back unchanged with its revision says nothing new.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from chassis.refusal import Refused, require_revision
from contracts.days import is_plausible
from contracts.envelope import HasRevision
from contracts.schools import Clock
from contracts.types import Campaign, DecidedBy, Instant, Revision


def _plausible(instant: datetime) -> datetime:
    if not is_plausible(instant):
        raise ValueError("must be between 1970-01-02 and 2200-01-01")
    return instant


PlausibleInstant = Annotated[
    Instant,
    AfterValidator(_plausible),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "RFC 3339 with offset, 1970 to 2200."}),
]


class Command(BaseModel):
    """The body of every command to a campaign. A field with an unknown name is an error, not ignored."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    known_at: Annotated[
        PlausibleInstant | None,
        Field(description="Takes the place of the clock, in a replayed campaign alone; refused in a live one."),
    ] = None
    campaign: Annotated[Campaign | None, Field(description="If given, the one in the address.")] = None

    decided_by: Annotated[
        DecidedBy | None, Field(description="As an answer has it; whoever sends a command has decided it.")
    ] = None

    def check_address(self, **address: str) -> None:
        """What the body repeats of the address must be the same. Raises Refused."""
        wrong = [name for name, value in address.items() if getattr(self, name) not in (None, value)]
        if wrong:
            raise Refused("", *((f"#/{name}", "must be the one in the address") for name in wrong))

    def check_clock(self, clock: Clock) -> None:
        """In a replayed campaign a command may say when it was; in a live one nobody may. Raises Refused."""
        if clock == "live" and self.known_at is not None:
            raise Refused("", ("#/known_at", "a live campaign has its own clock: leave it out"))

    def replayed_at(self, clock: Clock) -> datetime | None:
        """What takes the place of the clock, in a replayed campaign alone."""
        return self.known_at if clock == "replay" else None

    def said(self, *beside: str) -> dict[str, Any]:
        """What it asks for: all but what every body may hold, and `beside`."""
        return self.model_dump(exclude={*Revised.model_fields, *beside})


class Expected:
    """What a command expects of the last revision, for the handler to ask; afterwards `last` is what there was."""

    def __init__(self, body: "Revised", clock: Clock, revision: int | None) -> None:
        """`revision` is what the headers expect."""
        self._body, self._clock, self._revision = body, clock, revision
        self.last: HasRevision | None = None

    def __call__(self, last: HasRevision | None) -> None:
        """Raises Refused, Stale."""
        self.last = last
        self._body.check(self._clock, self._revision, last)


class Revised(Command):
    """The body of a command to one thing, which has revisions."""

    revision: Annotated[Revision | None, Field(description="The one that you read: the same as `If-Match`.")] = None

    def check(self, clock: Clock, expected: int | None, current: HasRevision | None) -> None:
        """Compares with what is there now; `expected` is what the headers expect of it. Raises Refused, Stale."""
        if self.revision is not None and expected not in (None, self.revision):
            raise Refused("", ("#/revision", "is another one than the headers expect"))
        revision = current.revision if current else 0
        require_revision(expected if self.revision is None else self.revision, revision)
        came_back = current is not None and (self.revision, self.known_at) == (revision, current.known_at)
        if not came_back:
            self.check_clock(clock)
