"""What stops a process, what begins a batch again, and what makes a record bad: told apart here."""

import asyncpg
from aiokafka.errors import KafkaError


class StopError(Exception):
    """Ends the process with `exit_code`; `line` tells a person what is wrong and what to do."""

    exit_code = 1

    @property
    def line(self) -> str:
        """One line, without personal data."""
        return str(self)


class Verdict(StopError):
    """The log and the database contradict each other, or a flood of bad records came: a person must decide."""

    exit_code = 70


class Flood(Verdict):
    """So many bad records that only a person can judge."""


class Misconfigured(StopError):
    """The process cannot work in the world it was started in."""

    exit_code = 78


class Gap(Exception):
    """Records are missing between the position and what came: the log is read again from there."""


class Fenced(Exception):
    """Another owner of a partition moved its position first: nothing of this batch may be committed."""


def is_of_the_world(error: Exception) -> bool:
    """Trouble that no single record has made: the batch is begun again, for as long as it takes."""
    if isinstance(error, asyncpg.PostgresError):
        return not (error.sqlstate or "").startswith(("22", "23"))
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)
    return isinstance(error, Fenced | Gap | Verdict | OSError | TimeoutError | KafkaError | MemoryError)


def in_a_line(error: BaseException) -> str:
    """The kind of an error: its words may hold input."""
    if isinstance(error, asyncpg.PostgresError):
        return f"{type(error).__name__} ({error.sqlstate})"
    return type(error).__name__
