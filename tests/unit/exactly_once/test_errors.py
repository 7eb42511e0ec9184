"""Whatever a driver raises: the batch begins again and nobody's record is to blame, unless the data are."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Any
from unittest.mock import AsyncMock

import aiokafka.errors
import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from chassis.answers import unexpected
from exactly_once import KafkaSettings, OwnTopics, Relay
from exactly_once.errors import OUTAGE, is_away, is_of_the_world
from exactly_once.metrics import Metrics
from tests.support import kafka_settings

NOT_RAISED = {"_NextHostSignal", "_RetryConnectSignal", "StopServer", "ClusterError"}  # of its own inside, of its tests


def modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if "_testbase" not in each.name:
            yield importlib.import_module(each.name)


def raised_by(package: ModuleType) -> list[type[Exception]]:
    """Every exception that a driver defines, wherever it does."""
    classes = {
        each
        for module in modules(package)
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, Exception) and each.__module__.startswith(package.__name__)
    }
    return sorted((each for each in classes if each.__name__ not in NOT_RAISED), key=lambda each: each.__qualname__)


def made(kind: type[Exception]) -> Exception:
    """As it is raised, with the words that a closed connection has."""
    try:
        return kind("closed")
    except TypeError:
        return kind.__new__(kind)


OF_POSTGRESQL, OF_KAFKA = raised_by(asyncpg), raised_by(aiokafka)


def test_the_drivers_have_been_walked() -> None:
    names = {kind.__name__ for kind in [*OF_POSTGRESQL, *OF_KAFKA]}
    assert names >= {"InternalClientError", "ProtocolError", "BufferError", "ConnectionDoesNotExistError"}
    assert names >= {"KafkaTimeoutError", "ConsumerStoppedError", "IllegalOperation", "InterfaceWarning"}
    assert len(OF_POSTGRESQL) > 250 and len(OF_KAFKA) > 100


@pytest.mark.parametrize("kind", [*OF_POSTGRESQL, *OF_KAFKA], ids=lambda kind: kind.__name__)
def test_it_is_of_the_world_unless_the_data_are_wrong(kind: type[Exception]) -> None:
    error = made(kind)
    of_the_data = str(getattr(error, "sqlstate", None) or "").startswith(("22", "23")) or (
        isinstance(error, asyncpg.InterfaceError) and kind.__name__ == "DataError"
    )
    assert is_of_the_world(error) is not (of_the_data and not isinstance(error, Warning))
    assert isinstance(error, OUTAGE)


@pytest.mark.parametrize(
    "error", [KeyError("x"), ValueError(), ZeroDivisionError(), RuntimeError(), TypeError()], ids=repr
)
def test_what_the_code_stumbles_over_is_the_records_fault(error: Exception) -> None:
    assert not is_of_the_world(error)
    assert not is_away(error)


AWAY = [
    OSError(), EOFError(), TimeoutError(), ConnectionResetError(), asyncpg.InternalClientError(),
    asyncpg.ProtocolError(), asyncpg.InterfaceError("connection is closed"), asyncpg.InterfaceError("pool is closing"),
    asyncpg.ConnectionDoesNotExistError(), asyncpg.IdleInTransactionSessionTimeoutError(), asyncpg.QueryCanceledError(),
    asyncpg.DeadlockDetectedError(), asyncpg.DiskFullError(), asyncpg.PostgresIOError(), asyncpg.AdminShutdownError(),
    asyncpg.IdleSessionTimeoutError(), asyncpg.LockNotAvailableError(), asyncpg.TooManyConnectionsError(),
]  # fmt: skip
ASKED_FOR_NONSENSE = [
    asyncpg.UndefinedTableError(), asyncpg.UniqueViolationError(), asyncpg.DataError(), asyncpg.InvalidPasswordError(),
    asyncpg.InterfaceError("the server expects 1 argument for this query, 2 were passed"), asyncpg.RaiseError(),
]  # fmt: skip


@pytest.mark.parametrize("error", AWAY, ids=repr)
def test_a_database_that_is_away_is_an_answer_of_503(error: Exception) -> None:
    assert is_away(error)
    assert unexpected(error, "GET", "/").status_code == 503


@pytest.mark.parametrize("error", ASKED_FOR_NONSENSE, ids=repr)
def test_one_that_was_asked_for_nonsense_is_an_answer_of_500(error: Exception) -> None:
    assert not is_away(error)
    assert unexpected(error, "GET", "/").status_code == 500


async def test_a_relay_goes_on_whatever_its_drivers_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them once, where it connects and where it publishes."""
    left = [*OF_POSTGRESQL, *OF_KAFKA, OSError, EOFError, TimeoutError]
    through: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    class Stumbling(Relay):
        async def _connect(self, stack: AsyncExitStack) -> Any:
            if len(left) % 2:
                raise made(left.pop())
            return AsyncMock()

        async def _wait_for_lock(self, connection: Any) -> None:
            return

        async def _lead(self, *_: Any) -> None:
            if left:
                raise made(left.pop())
            through.set_result(None)
            await asyncio.Event().wait()

    monkeypatch.setattr("exactly_once.relay.preflight", AsyncMock())
    monkeypatch.setattr("exactly_once.relay.BACK_OFF", (0.0,))
    own = AsyncMock(spec=OwnTopics, topics=[])
    settings: KafkaSettings = kafka_settings("127.0.0.1:1")
    relay = Stumbling(settings, "postgresql://nowhere", source="test", own=own, metrics=Metrics(CollectorRegistry()))
    relaying = asyncio.create_task(relay.run())
    await asyncio.wait([relaying, through], return_when=asyncio.FIRST_COMPLETED, timeout=60)
    assert not relaying.done(), relaying.exception()
    assert through.done() and left == []
    relaying.cancel()
