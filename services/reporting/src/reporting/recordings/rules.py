"""What makes two recordings the same. Pure: no I/O, no clock."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from contracts.recordings import Recording


class Content(NamedTuple):
    """What two events of the same person and revision must agree in."""

    known_at: datetime
    recorded_at: datetime
    recorded_on: date
    received_at: datetime
    counts: bool
    group: str
    kind: str
    cause: str
    domicile_regency: str | None
    session_id: str | None


def content(event: Recording) -> Content:
    """What an event says of its person."""
    return Content(
        event.known_at, event.recorded_at, event.recorded_on, event.received_at, event.counts, event.group, event.kind,
        event.cause, event.domicile_regency, event.session_id,
    )  # fmt: skip


def distinct(ordered: Sequence[Recording]) -> list[Recording]:
    """The first event of each person and revision, of events of one campaign ordered by person and revision."""
    events: list[Recording] = []
    person, revision = "", 0
    for event in ordered:
        if event.revision != revision or event.person_id != person:
            events.append(event)
            person, revision = event.person_id, event.revision
    return events
