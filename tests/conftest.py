"""What every test can ask for: the real Kafka and PostgreSQL of this run, topics and a database of its own."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from contracts.topics import CATALOGUE
from exactly_once import KafkaSettings
from exactly_once.provision import provision
from stack.postgres import Database
from tests.issuer import LocalIssuer
from tests.servers import Leader, Servers, servers
from tests.support import kafka_settings

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)  # fmt: skip
hypothesis.settings.load_profile("suite")

LEADER = pytest.StashKey[Leader]()
BROKEN_OFF = pytest.StashKey[str]()


FAILED = "build/failed"
reported: dict[str, None] = {}


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """As many as there are cores, within reason: at least two, for many tests wait more than they compute."""
    return min(max(len(os.sched_getaffinity(0)), 2), 8)


def pytest_configure(config: pytest.Config) -> None:
    """A shell's background starts us with SIGINT ignored, which every program that a test starts would inherit."""
    if not leads(config) or not config.getoption("numprocesses", None):
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if leads(config):
        (config.rootpath / FAILED).unlink(missing_ok=True)
        config.stash[LEADER] = Leader()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        reported[report.nodeid.partition("@")[0]] = None


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        reported[report.nodeid] = None


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR):
        session.config.stash[BROKEN_OFF] = ", and the run was broken off"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends a red run with a line that names what failed; a file has it for `make`, which has the very last word."""
    if leader := config.stash.get(LEADER, None):
        leader.stop()
        if reported:
            line = f"{len(reported)} failed{config.stash.get(BROKEN_OFF, '')}: {' '.join(reported)}"
            (config.rootpath / FAILED).parent.mkdir(exist_ok=True)
            (config.rootpath / FAILED).write_text(line)
            print(line, flush=True)


def leads(config: pytest.Config) -> bool:
    """Whether this is the one process of the run that is no worker."""
    return not hasattr(config, "workerinput")


@pytest.fixture(scope="session")
def stack() -> Servers:
    """The servers that the whole run shares. A test that stops one asks for `own_kafka` or `own_postgres` instead."""
    return servers()


@pytest.fixture
def database(stack: Servers) -> Iterator[Database]:
    """An empty database with `.url` (the runtime role) and `.owner_url`."""
    with stack.postgres.fresh_database() as fresh:
        yield fresh


@pytest.fixture
async def topic_prefix(stack: Servers) -> AsyncIterator[str]:
    """A prefix under which every topic of the catalogue exists, empty."""
    prefix = f"t{uuid.uuid4().hex[:12]}."
    await provision(kafka_settings(stack.bootstrap_servers, prefix), CATALOGUE)
    yield prefix


@pytest.fixture
def settings(stack: Servers, topic_prefix: str) -> KafkaSettings:
    """What a consumer and a relay on these topics need to know; impatient, as a test is."""
    return kafka_settings(stack.bootstrap_servers, topic_prefix)


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalIssuer]:
    """An issuer of tokens that stays as it is. A test that stops it or changes its keys asks for `own_issuer`."""
    started = LocalIssuer(tmp_path_factory.mktemp("issuer"))
    started.start()
    yield started
    started.stop()


@pytest.fixture
def own_issuer(tmp_path: Path) -> Iterator[LocalIssuer]:
    """An issuer for this test alone."""
    started = LocalIssuer(tmp_path)
    started.start()
    yield started
    started.stop()
