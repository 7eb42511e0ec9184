"""Kafka and PostgreSQL come up quickly, and whatever ends their owner, nothing of them is left."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

import stack.kafka
from exactly_once.deadline import within
from stack import LocalStack, StackError
from stack.kafka import Kafka

pytestmark = pytest.mark.system

REPOSITORY = Path(__file__).resolve().parents[2]

OWNER = """
import sys
from pathlib import Path
from stack import LocalStack, StackError, interruptible
try:
    with interruptible(), LocalStack(Path(sys.argv[1]), services=False) as stack:
        print(stack.kafka.pid, stack.postgres.pid, stack.kafka.port, stack.postgres.port, flush=True)
        sys.stdin.read()
except StackError as e:
    sys.exit(str(e))
except KeyboardInterrupt:
    sys.exit(130)
"""


class Owner:
    """A program of its own that holds a stack, to be ended in every way a program can end."""

    def __init__(self, home: Path, *, wrap: Sequence[str] = (), env: dict[str, str] | None = None) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [*wrap, sys.executable, "-c", OWNER, home],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env=env,
            start_new_session=True,
        )

    def started(self) -> tuple[list[int], list[int]]:
        """Process ids and ports."""
        assert self.process.stdout and self.process.stderr
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        kafka, postgres, *ports = map(int, line.split())
        return [kafka, postgres], ports

    def end(self, which: signal.Signals) -> int:
        self.process.send_signal(which)
        self.process.communicate(timeout=60)
        return self.process.returncode


@contextmanager
def owner(home: Path, *, wrap: Sequence[str] = (), env: dict[str, str] | None = None) -> Iterator[Owner]:
    started = Owner(home, wrap=wrap, env=env)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.end(signal.SIGKILL)


def of(home: Path) -> list[str]:
    """Living processes that work in the state folder or name it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                command = (entry / "cmdline").read_text().replace("\0", " ")
                alive = (entry / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
                if alive and (str(home) in command or (entry / "cwd").readlink().is_relative_to(home)):
                    found.append(f"{entry.name} {command}")
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def becomes(true: Callable[[], bool], seconds: float = 60) -> bool:
    deadline, pause = monotonic() + seconds, threading.Event()
    while not true():
        if monotonic() > deadline:
            return False
        pause.wait(0.02)
    return True


def nothing_is_left(home: Path, pids: Sequence[int] = (), ports: Sequence[int] = ()) -> None:
    assert becomes(lambda: not of(home)), of(home)
    assert becomes(lambda: not any(map(alive, pids))), pids
    assert becomes(lambda: not any(map(listens, ports))), ports


async def send(stack: LocalStack, topic: str, value: bytes) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers, acks="all") as producer:
        await producer.send_and_wait(topic, value)


async def receive(stack: LocalStack, topic: str) -> bytes | None:
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=stack.bootstrap_servers, auto_offset_reset="earliest"
    ) as consumer:
        return (await within(20, consumer.getone())).value


async def query(stack: LocalStack, sql: str) -> object:
    connection = await asyncpg.connect(stack.postgres.url())
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def test_a_warm_start_finds_its_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "state"
    with LocalStack(home, services=False) as stack:  # this one may have to download
        asyncio.run(send(stack, "letters", b"still here"))
        asyncio.run(query(stack, "CREATE TABLE kept AS SELECT 7 AS n"))
    began = monotonic()
    with LocalStack(home, services=False) as stack:
        took = monotonic() - began
        assert asyncio.run(receive(stack, "letters")) == b"still here"
        assert asyncio.run(query(stack, "SELECT n FROM kept")) == 7
        assert asyncio.run(query(stack, "SHOW data_checksums")) == "on"
        assert asyncio.run(query(stack, "SHOW fsync")) == "on"
        summary = stack.report.summary()
    with capsys.disabled():
        print(f"\nwarm start {took:.1f} s ({summary}) ", end="")
    nothing_is_left(home)


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_nothing_survives_its_owner(tmp_path: Path, which: signal.Signals) -> None:
    with owner(tmp_path) as it:
        pids, ports = it.started()
        assert all(map(alive, pids)) and all(map(listens, ports))
        assert it.end(which) == (-9 if which == signal.SIGKILL else 130)
        nothing_is_left(tmp_path, pids, ports)


@pytest.mark.parametrize(
    ("moment", "which"),
    [("postgres-init.*", signal.SIGKILL), ("kafka-format.*", signal.SIGINT), ("kafka.*", signal.SIGKILL)],
)
def test_nothing_survives_a_start_that_is_cut_off(tmp_path: Path, moment: str, which: signal.Signals) -> None:
    """And the next start on what it left behind succeeds."""
    with owner(tmp_path) as it:
        # Gone again as soon as that program is done: the moment may be missed by a little, never waited for in vain.
        assert becomes(lambda: any((tmp_path / "pids").glob(moment)) or it.process.poll() is not None)
        it.end(which)
        nothing_is_left(tmp_path)
    with LocalStack(tmp_path, services=False) as stack:
        assert asyncio.run(query(stack, "SELECT 1")) == 1
    nothing_is_left(tmp_path)


def test_a_stale_folder_is_survived(tmp_path: Path) -> None:
    """Everything killed at once, a session frozen so that it cannot end, lock files that name a living process."""
    with owner(tmp_path) as it:
        pids, ports = it.started()
        sessions = [int(line.split()[0]) for line in of(tmp_path) if "postgres: " in line]
        os.kill(sessions[0], signal.SIGSTOP)
        it.end(signal.SIGKILL)
        assert becomes(lambda: not any(map(alive, pids)))
    assert alive(sessions[0])
    data = tmp_path / "postgres" / "data"
    (data / "postmaster.pid").write_text(
        f"{os.getpid()}\n{data}\n0\n{ports[1]}\n\n127.0.0.1\n         0         0\nready\n"
    )
    (tmp_path / "kafka" / "data.new").mkdir()
    (tmp_path / "postgres" / "data.new" / "base").mkdir(parents=True)
    with LocalStack(tmp_path, services=False) as stack:
        assert not alive(sessions[0])
        assert asyncio.run(query(stack, "SELECT 1")) == 1
        asyncio.run(send(stack, "letters", b"works"))
    nothing_is_left(tmp_path)


def test_a_first_start_that_was_never_finished_is_done_again(tmp_path: Path) -> None:
    for part in ("kafka", "postgres"):
        (tmp_path / part / "data.new").mkdir(parents=True)
        (tmp_path / part / "data.new" / "PG_VERSION").write_text("18\n")
    with LocalStack(tmp_path, services=False) as stack:
        assert asyncio.run(query(stack, "SELECT 1")) == 1
    nothing_is_left(tmp_path)


def test_one_stack_at_a_time_in_one_folder(tmp_path: Path) -> None:
    with owner(tmp_path) as it:
        it.started()
        with pytest.raises(StackError, match=f"already running .*process {it.process.pid}.*make down"):
            LocalStack(tmp_path, services=False).start()
        it.end(signal.SIGTERM)


def test_parts_can_be_killed_frozen_and_started_again(tmp_path: Path) -> None:
    with LocalStack(tmp_path, services=False) as stack:
        asyncio.run(send(stack, "letters", b"before"))
        ports = stack.kafka.port, stack.postgres.port
        for part in (stack.kafka, stack.postgres):
            before = part.pid
            part.kill()
            assert not part.alive and not listens(part.port)
            part.start()
            assert part.pid != before
            part.freeze()
            assert Path(f"/proc/{part.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
            part.thaw()
        assert ports == (stack.kafka.port, stack.postgres.port)
        assert asyncio.run(receive(stack, "letters")) == b"before"
        assert asyncio.run(query(stack, "SELECT 1")) == 1
        assert stack.dead() == {}
        stack.kafka.kill()
        assert "kafka ended with signal SIGKILL" in stack.dead()["kafka"]
        stack.postgres.freeze()
    nothing_is_left(tmp_path)


def test_it_starts_from_inside_an_event_loop_and_from_another_thread(tmp_path: Path) -> None:
    """The kernel ties the death of a child to the thread that started it: that one must not end early."""
    stack = LocalStack(tmp_path, services=False)
    starter = threading.Thread(target=stack.start)
    starter.start()
    starter.join()

    async def use() -> None:
        with stack.postgres.fresh_database() as database:
            connection = await asyncpg.connect(database.owner_url)
            await connection.close()

    try:
        assert stack.kafka.alive and stack.postgres.alive
        asyncio.run(use())
    finally:
        stack.stop()
    nothing_is_left(tmp_path)


def test_an_ordinary_user_can_do_it_as_well(tmp_path: Path) -> None:
    home = tmp_path / "state"
    home.mkdir()
    wrap: list[str] = []
    env = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", "")}
    if os.geteuid() == 0:  # become nobody, who may only *read* what is root's: the interpreter may lie in root's home
        os.chown(home, 65534, 65534)
        wrap = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        wrap += [
            "--securebits=+no_setuid_fixup",
            "--inh-caps=+dac_read_search",
            "--ambient-caps=+dac_read_search",
            "--",
        ]
        env["JB_CACHE"] = str(home / "cache")
        _lend_jars(home / "cache")
    with owner(home / "stack", wrap=wrap, env=env) as it:
        pids, ports = it.started()
        if wrap:
            assert {Path(f"/proc/{pid}").stat().st_uid for pid in pids} == {65534}
            assert (home / "stack" / "postgres" / "data").stat().st_uid == 65534
        assert it.end(signal.SIGKILL) == -9
        nothing_is_left(home, pids, ports)


def _lend_jars(cache: Path) -> None:
    """Not to download them again for that user."""
    from stack import jars

    (cache / "jars").mkdir(parents=True)
    for path in jars.fetch():
        (cache / "jars" / path.name).write_bytes(path.read_bytes())
    for path in [cache, *cache.rglob("*")]:
        os.chown(path, 65534, 65534)


def test_a_cluster_id_may_begin_with_a_dash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 64 does, and the storage tool took it for an option."""
    monkeypatch.setattr(stack.kafka.uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xf8" * 16))
    with Kafka(tmp_path) as kafka:
        assert kafka.alive


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    """Java reads properties as Latin-1: a name with other letters would be another folder, outside ours."""
    folder = tmp_path / "Jürgen & Ko" / "日本 😀 \\ x"
    folder.mkdir(parents=True)
    with Kafka(folder) as kafka:
        assert listens(kafka.port)
        assert (folder / "kafka" / "data" / "meta.properties").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["Jürgen & Ko"]
