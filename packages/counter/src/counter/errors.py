"""What can go wrong at a counter, in words for its operator. No message ever holds a NIK or a birth date."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """Why a recording cannot be stored: the column, what is wrong and what to do. Never the value itself."""

    column: str
    message: str

    def __str__(self) -> str:
        return f"{self.column} {self.message}"


class CounterError(Exception):
    """Something was not done; the message says what and what to do. Ends the command with `exit_code`."""

    exit_code = 1


class NotSetUp(CounterError):
    """The home is no counter (yet), or its configuration cannot be used."""

    exit_code = 78


class Busy(CounterError):
    """Another process is sending from this home."""


class EnrollmentUnavailable(CounterError):
    """Enrollment cannot be reached, or returned an error."""


class RecordingRefused(CounterError):
    """A recording was not stored: which columns, and what to do."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)
