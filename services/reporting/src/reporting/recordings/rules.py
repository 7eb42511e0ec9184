"""One revision of a person: its place in the tables, and which of a batch's events are new. Pure: no I/O, no clock."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, Final

from contracts.recordings import Recording

# The columns of `recording_version`, in its order: an event is sent to PostgreSQL as one value of that row type.
COLUMNS: Final = (
    "known_at", "recorded_at", "received_at", "person_id", "revision", "recorded_on", "counts", "campaign", "group",
    "kind", "cause", "domicile_regency", "session_id",
)  # fmt: skip
_row: Final = attrgetter(*COLUMNS)
_person: Final = attrgetter("person_id")
_revision: Final = attrgetter("revision")


def row(event: Recording) -> tuple[Any, ...]:
    """All that an event says: two events of the same person and revision must agree in it."""
    found: tuple[Any, ...] = _row(event)
    return found


def distinct(events: Iterable[Recording]) -> list[Recording]:
    """The events of one campaign by person and revision, of each the first that came.

    Sorting twice by one key costs half of sorting once by two.
    """
    found: list[Recording] = []
    person, revision = "", 0
    for event in sorted(sorted(events, key=_revision), key=_person):
        if event.revision != revision or event.person_id != person:
            found.append(event)
            person, revision = event.person_id, event.revision
    return found


def newest(events: Sequence[Recording]) -> list[bool]:
    """Which of them, ordered by person and revision, is the last of its person."""
    persons = [event.person_id for event in events]
    return [person != following for person, following in zip(persons, [*persons[1:], ""], strict=True)]
