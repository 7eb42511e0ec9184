"""What a counter returns about what it was given."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording that is on disk. `new` False: it was there before."""

    submission_id: str
    device_seq: int
    new: bool


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a file's row. `message` never holds a NIK or a birth date."""

    number: int
    result: Literal["stored", "already stored", "refused"]
    submission_id: str | None = None
    message: str = ""
