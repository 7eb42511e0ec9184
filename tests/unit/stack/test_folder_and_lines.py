"""The state folder, ports, logs: what a person is told, in one line each."""

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from stack import jars, ports, progress
from stack.errors import Cancelled, StackError, check_room
from stack.home import Home, default_cache, default_home, write_environment
from stack.processes import Processes, telling_line
from stack.progress import Event


def test_where_state_and_downloads_lie() -> None:
    assert default_home({}).name == ".local"
    assert default_home({"JB_HOME": "/somewhere"}) == Path("/somewhere")
    assert default_cache({"XDG_CACHE_HOME": "/cache"}) == Path("/cache/jemput-bola")
    assert default_cache({"XDG_CACHE_HOME": "/cache", "JB_CACHE": "/mine"}) == Path("/mine")


@pytest.mark.parametrize("home", ["/proc/no-such-home", "/dev/null/home", f"/{'x' * 300}"])
def test_a_home_that_cannot_be_written_is_said_with_what_to_set(home: str) -> None:
    with pytest.raises(StackError, match=r"cannot be written \(.*set .*JB_CACHE \(downloads\)"):
        jars.fetch(default_cache({"XDG_CACHE_HOME": f"{home}/.cache"}), jars=[])
    with pytest.raises(StackError, match=r"cannot be written \(.*set JB_HOME \(data\)"):
        Home(Path(home) / "state").ensure()


def test_who_has_no_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    with pytest.raises(StackError, match="set JB_CACHE"):
        default_cache({})


def test_a_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    home = tmp_path / "state"
    with Home(home):
        assert Home(home).owner() == os.getpid()
        with (
            pytest.raises(StackError, match=f"already running in .* \\(process {os.getpid()}\\).*make down"),
            Home(home),
        ):
            pass
    assert Home(home).owner() is None
    with Home(home):
        pass


def test_only_a_folder_that_a_stack_made_is_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("four years")
    with Home(tmp_path) as mine, pytest.raises(StackError, match="left alone"):
        mine.remove()
    assert (tmp_path / "thesis.txt").exists()
    with Home(tmp_path / "new") as fresh:
        fresh.remove()
    assert not (tmp_path / "new").exists()


def test_secrets_stay_the_same_and_private(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.secret("a") == Home(tmp_path).secret("a") != home.secret("b")
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_a_shell_reads_back_what_was_written(tmp_path: Path) -> None:
    value = "two words; $HOME `id` 'quoted' \"twice\" #\\ \nand a second line="
    write_environment(tmp_path / "odd.env", {"ODD": value, "EMPTY": "", "PLAIN": "a-b_c="})
    assert stat.S_IMODE((tmp_path / "odd.env").stat().st_mode) == 0o600
    script = (
        "set -a; . ./odd.env; exec \"$0\" -c \"import os; print([os.environ[k] for k in ('ODD', 'EMPTY', 'PLAIN')])\""
    )
    read = subprocess.run(
        ["sh", "-c", script, sys.executable], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert read.stdout == f"{[value, '', 'a-b_c=']}\n"


def test_a_disk_with_too_little_room_is_refused(tmp_path: Path) -> None:
    check_room(tmp_path, 1)
    with pytest.raises(StackError, match=r"disk of .* is full .* JB_HOME"):
        check_room(tmp_path, shutil.disk_usage(tmp_path).total + 1)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_names_the_port_and_its_variable(taken: int) -> None:
    with pytest.raises(StackError) as error:
        ports.port_for("Kafka", "JB_KAFKA_PORT", {"JB_KAFKA_PORT": str(taken)})
    assert f"Port {taken} for Kafka is in use" in str(error.value)
    assert "JB_KAFKA_PORT" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", ["0", "65536", "-1", "kafka", "9092x", "９０９２"])
def test_a_port_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(StackError, match=r"JB_KAFKA_PORT=.* is no port"):
        ports.port_for("Kafka", "JB_KAFKA_PORT", {"JB_KAFKA_PORT": wrong})


def test_free_ports_are_all_different_and_lent_to_nobody() -> None:
    first_lent = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    chosen = [ports.free_port() for _ in range(50)]
    assert len(set(chosen)) == 50
    assert all(port < first_lent for port in chosen)


@pytest.mark.parametrize(
    ("said", "telling"),
    [
        ("", "it said nothing"),
        ("fine\nlast words\n\n", "last words"),
        ("LOG: a\nFATAL:  could not create lock file\nLOG: shut down", "FATAL:  could not create lock file"),
        ('Traceback\n  File "x.py", line 1\n    f()\nValueError: no key\n', "ValueError: no key"),
        (
            "[1] ERROR broke (X)\njava.lang.RuntimeException: why\n\tat a.b.C(D.java)\n",
            "java.lang.RuntimeException: why",
        ),
    ],
)
def test_the_line_of_a_log_that_says_most(said: str, telling: str) -> None:
    assert telling_line(said) == telling


def test_a_service_says_itself_why_it_has_ended() -> None:
    """Its clients complain of their own while it stops."""
    output = """
    enrollment: flood of bad records: 20 in a row
    {"level": "error", "event": "GroupCoordinatorNotAvailableError"}
    LeaveGroup request succeeded
    """
    assert telling_line(output, "enrollment") == "enrollment: flood of bad records: 20 in a row"
    assert telling_line(output, "enrollment-migrate") == "enrollment: flood of bad records: 20 in a row"
    assert telling_line(output, "reporting").endswith('"GroupCoordinatorNotAvailableError"}')


def test_a_program_that_fails_is_told_with_its_own_words(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    with pytest.raises(
        StackError, match=r"painter ended with exit code 3 while painting: no blue left .log: .*painter.log"
    ):
        processes.run("painter", ["sh", "-c", "echo no blue left; exit 3"], "painting", cwd=tmp_path)
    with pytest.raises(StackError, match=r"disk of .* is full"):
        processes.run("writer", ["sh", "-c", "echo 'write: No space left on device'; exit 1"], "writing", cwd=tmp_path)


def test_a_program_that_does_not_get_ready_is_told_with_what_it_answered(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    child = processes.spawn("sleeper", ["sleep", "60"], cwd=tmp_path)
    with pytest.raises(StackError, match="sleeper does not answer while waking: HTTP 503 no broker"):
        processes.wait_until(lambda: False, child, "waking", timeout=0.05, hint=lambda: "HTTP 503 no broker")
    processes.cancel()
    assert not child.alive
    with pytest.raises(Cancelled):
        processes.spawn("sleeper", ["sleep", "60"], cwd=tmp_path)


def test_a_child_that_ignores_the_request_or_is_frozen_ends_all_the_same(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    deaf = processes.spawn(
        "deaf", ["sh", "-c", "trap '' TERM; echo trapped; while :; do sleep 0.05; done"], cwd=tmp_path
    )
    frozen = processes.spawn("frozen", ["sleep", "60"], cwd=tmp_path)
    processes.wait_until(lambda: "trapped" in deaf.output(), deaf, "trapping")
    frozen.freeze()
    from stack.processes import stop

    stop([deaf, frozen], grace=0.5)
    assert deaf.process.returncode == -9
    assert frozen.process.returncode == -15
    assert list((tmp_path / "pids").iterdir()) == []


def test_leftovers_of_an_earlier_owner_are_killed_and_nobody_else(tmp_path: Path) -> None:
    """A process id alone is no proof: the kernel gives it to others."""
    left = Processes(tmp_path).spawn("left", ["sleep", "60"], cwd=tmp_path)  # as if its owner were dead
    innocent = subprocess.Popen(["sleep", "60"])
    pids = tmp_path / "pids"
    (pids / f"innocent.{innocent.pid}").write_text((pids / f"left.{left.pid}").read_text() + "9")
    (pids / "gone.999999999").write_text("boot 1")
    (pids / f"unwritten.{innocent.pid}").write_text("")
    Processes(tmp_path).sweep()
    assert not left.alive
    assert innocent.poll() is None
    assert list(pids.iterdir()) == []
    innocent.kill()
    innocent.wait()


def test_plain_progress_is_a_few_lines() -> None:
    out = StringIO()
    show = progress.Plain(out)
    for amount in range(101):
        show(Event("Kafka", "running", "downloading 43 MiB", amount, 100))
    show(Event("Kafka", "done", seconds=1.23))
    lines = out.getvalue().splitlines()
    assert lines[0] == "Kafka: downloading 43 MiB 0 % ..."
    assert lines[-1] == "Kafka: ready in 1.2 s"
    assert len(lines) == 12


def test_the_launcher_refuses_an_owner_that_has_gone() -> None:
    launcher = Path(sys.modules["stack.processes"].__file__ or "").with_name("launch.py")
    result = subprocess.run(
        [sys.executable, "-IS", launcher, "1", "echo", "ran"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1 and "ran" not in result.stdout and "owner has gone" in result.stderr
