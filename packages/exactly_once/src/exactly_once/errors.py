"""What stops a process, what begins a batch again, and what makes a record bad: told apart here."""

from typing import Final

import asyncpg
from aiokafka.errors import KafkaError

FAILED: Final = 1
VERDICT: Final = 70
CONFIGURATION: Final = 78

# What a call to the broker or the database may raise for reasons of its own: wait, and call again.
OUTAGE: Final = (OSError, TimeoutError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError)
_DATABASE_AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)


class Stop(Exception):
    """Ends the process in good order with `exit_code`; its text, lines without personal data, says why."""

    exit_code = FAILED


class Verdict(Stop):
    """The log and the database contradict each other, or a flood of bad records came: a person must decide."""

    exit_code = VERDICT


class Flood(Verdict):
    """So many bad records in a partition (None: a verdict that does not say where) that only a person can judge."""

    def __init__(self, text: str, partition: tuple[str, int] | None = None) -> None:
        super().__init__(text)
        self.partition = partition


class Misconfigured(Stop):
    """The process cannot work in the world it was started in."""

    exit_code = CONFIGURATION


class Absent(Stop, LookupError):
    """What a person asked for by its id is not there."""


class Gap(Exception):
    """Records are missing between the position and what came: the log is read again from there."""


class Fenced(Exception):
    """Another owner of a partition moved its position first: nothing of this batch may be committed."""


def is_away(error: BaseException) -> bool:
    """Whether the error says that the database is away at the moment, rather than that it was asked for nonsense."""
    return isinstance(error, _DATABASE_AWAY) or (isinstance(error, asyncpg.InterfaceError) and "clos" in str(error))


def is_of_the_world(error: Exception) -> bool:
    """Trouble that no single record has made: the batch is begun again, for as long as it takes."""
    if isinstance(error, asyncpg.PostgresError):
        return not (error.sqlstate or "").startswith(("22", "23"))
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)
    return isinstance(error, (*OUTAGE, Fenced, Gap, Stop, MemoryError))


def in_a_line(error: BaseException) -> str:
    """The kind of an error: its words may hold input."""
    if isinstance(error, asyncpg.PostgresError):
        return f"{type(error).__name__} ({error.sqlstate})"
    return type(error).__name__
