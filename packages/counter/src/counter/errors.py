"""What can go wrong at a counter, in words for its operator. No message ever holds a NIK or a birth date."""

from collections.abc import Sequence
from dataclasses import dataclass

from counter.indonesian import beside


@dataclass(frozen=True, slots=True)
class FieldError:
    """Why a recording cannot be stored: the column, what is wrong and what to do. Never the value itself."""

    column: str
    message: str

    def __str__(self) -> str:
        """For people: Indonesian first."""
        return f"{self.column} {beside(self.message)}"


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


class EnrollmentPreparing(EnrollmentUnavailable):
    """Enrollment is there and not ready yet, as after an outage: ask again in `seconds`."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class RecordingRefused(CounterError):
    """A recording was not stored: which columns, and what to do."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)
