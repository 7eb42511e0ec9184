"""What makes an identity: the NIK, the birth date, ages on a day. Pure: no I/O, no clock."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from pydantic import ValidationError

from contracts.submissions import Identity

Malformed = Literal["malformed_identity", "malformed_nik"]

WOMEN = 40  # added to the day of birth in a woman's NIK


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a sealed message names. Shows nothing when printed."""

    nik: str = field(repr=False)
    birth_date: date = field(repr=False)
    married: bool = field(repr=False)


def read(plaintext: bytes) -> Holder | Malformed:
    """What an opened message says, or in one word why it says nothing that can be used."""
    try:
        identity = Identity.model_validate_json(plaintext)
        birth_date = date.fromisoformat(identity.birth_date)
    except ValidationError as e:
        wrong_nik = any(error["loc"] == ("nik",) and error["type"] == "string_pattern_mismatch" for error in e.errors())
        return "malformed_nik" if wrong_nik else "malformed_identity"
    except ValueError:
        return "malformed_identity"
    if identity.nik.endswith("0000"):
        return "malformed_nik"
    return Holder(identity.nik, birth_date, identity.married)


def birth_date_agrees(nik: str, birth_date: date) -> bool:
    """Whether digits 7 to 12 (DDMMYY, women's days plus 40) tell the stated date. A difference is for review only."""
    day, month, year = int(nik[6:8]), int(nik[8:10]), int(nik[10:12])
    day = day - WOMEN if day > WOMEN else day
    return (day, month, year) == (birth_date.day, birth_date.month, birth_date.year % 100)


def age_on(birth_date: date, day: date) -> int:
    """Completed years. Who was born on 29 February has the birthday on 1 March of a common year."""
    before_birthday = (day.month, day.day) < (birth_date.month, birth_date.day)
    return day.year - birth_date.year - before_birthday
