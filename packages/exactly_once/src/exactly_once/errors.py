"""What stops a process, what begins a batch again, and what makes a record bad: told apart here."""

from typing import Final

import asyncpg
from aiokafka.errors import ConsumerStoppedError, IllegalOperation, KafkaError
from asyncpg.pgproto.pgproto import BufferError as UnreadableAnswer

FAILED: Final = 1
VERDICT: Final = 70
CONFIGURATION: Final = 78

# The roots of all that the drivers raise: a class of theirs that is missing here would end a process, or make a good
# record bad.
BROKER: Final = (KafkaError, ConsumerStoppedError, IllegalOperation)
DATABASE: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    UnreadableAnswer,
    asyncpg.PostgresWarning,
    asyncpg.InterfaceWarning,
)
# What a call to the broker or the database may raise for reasons of its own: wait, and call again.
OUTAGE: Final = (OSError, EOFError, TimeoutError, *BROKER, *DATABASE)

# PostgreSQL says that what it was sent is wrong: data, integrity.
_OF_THE_DATA: Final = ("22", "23")
# It says "not now": connection, rollback, resources, operator, system; and its limits of time.
_NOT_NOW: Final = ("08", "40", "53", "57", "58", "25P03", "25P04", "55P03")


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
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_NOT_NOW)
    if isinstance(error, asyncpg.InterfaceError):
        return "clos" in str(error)  # the driver has one class for a closed connection and for its being misused
    return isinstance(error, (OSError, EOFError, TimeoutError, asyncpg.InternalClientError, UnreadableAnswer))


def is_of_the_world(error: Exception) -> bool:
    """Trouble that no single record has made: the batch is begun again, for as long as it takes."""
    return isinstance(error, (*OUTAGE, Fenced, Gap, Stop, MemoryError)) and not _is_of_the_data(error)


def _is_of_the_data(error: Exception) -> bool:
    """PostgreSQL refused what it was sent, or the driver could not even write it."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_OF_THE_DATA)
    configured_wrongly = isinstance(error, asyncpg.ClientConfigurationError)
    return isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError) and not configured_wrongly


def in_a_line(error: BaseException) -> str:
    """The kind of an error: its words may hold input."""
    if isinstance(error, asyncpg.PostgresError):
        return f"{type(error).__name__} ({error.sqlstate})"
    return type(error).__name__
