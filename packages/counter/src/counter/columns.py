"""The columns of an import file: from text to a `Recording`, or what is wrong with it. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

from contracts.signs import odd_sign
from counter.errors import FieldError, RecordingRefused
from counter.recording import CHECKS, Recording

REQUIRED: Final = ("nik", "birth_date", "group", "recorded_at")
OPTIONAL: Final = (
    "married",
    "domicile_regency",
    "kind",
    "place",
    "session_id",
    "family_card",
    "birth_certificate",
    "submission_id",
    "replayed_at",
)
COLUMNS: Final = REQUIRED + OPTIONAL
FILLED: Final = ("nik", "birth_date", "recorded_at")  # a group may be empty: it counts as `outside`

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2}[Tt_ ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)([Zz]|[+-]\d{2}:?\d{2})?", re.ASCII)
_YES: Final = frozenset({"true", "1", "yes", "y", "ya"})
_NO: Final = frozenset({"false", "0", "no", "n", "tidak"})


def nik(text: str) -> str:
    """The apostrophe by which spreadsheets mark text is no part of a NIK."""
    return text.removeprefix("'").strip()


def day(text: str) -> date:
    """A date of the form 2001-12-30. Raises ValueError with what to do."""
    if not _DAY.fullmatch(text):
        raise ValueError("must be written year-month-day, as 2001-12-30")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("is no day of the calendar") from None


def instant(text: str) -> datetime:
    """RFC 3339 with offset. Raises ValueError with what to do."""
    match = _INSTANT.fullmatch(text)
    if not match:
        raise ValueError("must be date, time and offset, as 2024-09-19T08:00:00+07:00 (+07:00 is WIB)")
    if not match[2]:
        raise ValueError("has no offset from UTC: write it as 2024-09-19T08:00:00+07:00 (+07:00 is WIB)")
    try:
        return datetime.fromisoformat(match[1].upper() + match[2].upper())
    except ValueError:
        raise ValueError("is no time of the calendar and the clock") from None


def yes(text: str) -> bool:
    """Yes or no in Indonesian, English or as a spreadsheet writes it. Raises ValueError with what to do."""
    word = text.lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError("must be true or false (ya/tidak, yes/no, 1/0)")


_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    "nik": nik,
    "birth_date": day,
    "recorded_at": instant,
    "replayed_at": instant,
    "married": yes,
    "family_card": yes,
    "birth_certificate": yes,
}


def naming_the_sign(message: str, text: str) -> str:
    """What is wrong, and which sign that nobody sees, or that only looks right, is in the cell."""
    sign = odd_sign(text)
    return message if sign is None else f"{message}; it holds {sign}"


def recording(cells: Mapping[str, str]) -> Recording:
    """From a row or the command line. Raises `RecordingRefused` with every error at once."""
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    for column, cell in cells.items():
        text = cell.strip()
        if not text:
            continue
        try:
            values[column] = _READ.get(column, str)(text)
        except ValueError as error:
            errors.append(FieldError(column, naming_the_sign(str(error), text)))
            continue
        message = column in CHECKS and CHECKS[column](values[column])
        if message:
            errors.append(FieldError(column, naming_the_sign(message, text)))
    empty = [column for column in FILLED if not cells.get(column, "").strip()]
    errors += [FieldError(column, "is empty: it is needed") for column in empty]
    if errors:
        raise RecordingRefused(sorted(errors, key=lambda error: COLUMNS.index(error.column)))
    return Recording(**values)
