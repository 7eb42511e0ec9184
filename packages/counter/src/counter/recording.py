"""What an operator or a file says about one recording, checked. Pure: no I/O, no clock."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from contracts.types import AnyUuid, Group, Kind, Label, Regency
from counter.errors import FieldError, RecordingRefused

EARLIEST_BIRTH: Final = date(1900, 1, 1)
YEARS: Final = range(2000, 2100)
WOMEN: Final = 40  # added to the day of birth within a woman's NIK

_SCIENTIFIC = re.compile(r"[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+")
_WITH_DECIMALS = re.compile(r"[0-9]{16}[.,]0+")
_SEPARATORS = re.compile(r"[\s.,'_/-]")


def nik_problem(nik: str) -> str | None:
    """What is wrong with a NIK, spreadsheets' damage explained; None when it can be one."""
    if re.fullmatch(r"[0-9]{16}", nik, re.ASCII):
        if nik.endswith("0000"):
            return (
                "ends in 0000, which no NIK does: spreadsheets keep 15 digits and may have rounded it; "
                "format the column as text and enter it again"
            )
        return None
    if not nik:
        return "is empty: enter the 16 digits"
    if _SCIENTIFIC.fullmatch(nik):
        return (
            "was turned into scientific notation by a spreadsheet and its last digits are lost: "
            "format the column as text and enter the NIK again"
        )
    if _WITH_DECIMALS.fullmatch(nik):
        return "was turned into a decimal number by a spreadsheet: format the column as text and enter it again"
    bare = _SEPARATORS.sub("", nik)
    if re.fullmatch(r"[0-9]{16}", bare, re.ASCII):
        return "has spaces, dots or other signs in it: write the 16 digits alone"
    if re.fullmatch(r"[0-9]+", nik, re.ASCII):
        return f"has {len(nik)} digits, a NIK has 16"
    return "must be 16 digits (0-9) and nothing else"


def _birth_date_problem(born: date) -> str | None:
    return None if born >= EARLIEST_BIRTH else "is before 1900: check the year"


def _instant_problem(at: datetime) -> str | None:
    if at.tzinfo is None:
        return "has no offset from UTC: write it as 2024-09-19T08:00:00+07:00 (+07:00 is WIB)"
    return None if at.year in YEARS else f"must lie between the years {YEARS[0]} and {YEARS[-1]}"


def _by_contract(of: Any, message: str) -> Callable[[Any], str | None]:
    """A check by the contract's own type, so that nothing is stored which enrollment could not read."""
    adapter: TypeAdapter[Any] = TypeAdapter(of)

    def check(value: Any) -> str | None:
        try:
            adapter.validate_python(value, strict=True)
        except ValidationError:
            return message
        return None

    return check


_UUID_MESSAGE = "must be a UUID, as 0190f5a0-7b1c-7d3e-8f00-0123456789ab"
CHECKS: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "nik": nik_problem,
    "birth_date": _birth_date_problem,
    "group": _by_contract(Group, "must be npsn:<8 digits, or P and 7>, outside or outside:<label>, as npsn:20533456"),
    "recorded_at": _instant_problem,
    "domicile_regency": _by_contract(Regency, "must be a regency's code, as 35.73"),
    "kind": _by_contract(Kind, "must be 1-64 characters on one line and no NIK, as school_visit"),
    "place": _by_contract(Label, "must be 1-200 characters on one line and no NIK"),
    "session_id": _by_contract(AnyUuid, _UUID_MESSAGE),
    "submission_id": _by_contract(AnyUuid, _UUID_MESSAGE),
    "replayed_at": _instant_problem,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One person's recording as the counter saw it. Valid once made; raises `RecordingRefused` otherwise.

    `group` None: on no roster, counts as `outside`. `kind` and `place` None: the counter's own. `session_id` None:
    the counter's open session. `submission_id` None: the counter makes one. `replayed_at` is for replayed campaigns
    alone: when the submission is taken to have arrived.
    """

    nik: str = field(repr=False)
    birth_date: date = field(repr=False)
    recorded_at: datetime
    group: str | None = None
    married: bool = field(default=False, repr=False)
    domicile_regency: str | None = None
    kind: str | None = None
    place: str | None = None
    session_id: str | None = None
    family_card: bool = False
    birth_certificate: bool = False
    submission_id: str | None = None
    replayed_at: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("submission_id", "session_id"):
            value = getattr(self, name)
            object.__setattr__(self, name, value.lower() if isinstance(value, str) else value)
        errors = []
        for column, check in CHECKS.items():
            value = getattr(self, column)
            message = None if value is None else check(value)
            if message:
                errors.append(FieldError(column, message))
        # A day of grace: the birth date knows no time zone.
        if not errors and self.birth_date > self.recorded_at.date() + timedelta(days=1):
            errors.append(FieldError("birth_date", "is after recorded_at: check both"))
        if errors:
            raise RecordingRefused(errors)

    @property
    def nik_disagrees(self) -> bool:
        """Whether the birth date within the NIK is another than the stated one: for review, never a refusal."""
        day = int(self.nik[6:8])
        written = (day - WOMEN if day > WOMEN else day, int(self.nik[8:10]), int(self.nik[10:12]))
        return written != (self.birth_date.day, self.birth_date.month, self.birth_date.year % 100)

    def identity_in_time(self) -> list[str]:
        """What makes two rows of a file the same recording: who, for which group, when."""
        at = self.recorded_at.astimezone(UTC).isoformat(timespec="microseconds")
        return [self.nik, self.birth_date.isoformat(), self.group or "", at]

    def everything(self) -> list[str]:
        """All columns, in a form that two equal recordings share."""
        return [
            value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else str(value)
            for value in (getattr(self, column.name) for column in fields(self))
        ]
