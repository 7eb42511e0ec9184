"""What a counter returns about what it was given."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording that is on disk. `new` False: it was there before.

    `hint` is for whoever records, and no error: the clock may have been set back.
    """

    submission_id: str
    device_seq: int
    new: bool
    hint: str = ""


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a file's row. `message` never holds a NIK or a birth date."""

    number: int
    result: Literal["stored", "already stored", "refused"]
    submission_id: str | None = None
    message: str = ""
