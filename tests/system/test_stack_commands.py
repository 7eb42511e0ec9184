"""`python -m stack up`, `status` and `down` as a person meets them: with services, and with all that goes wrong."""

import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from stack import LocalStack, Service
from stack.issuer import ROLES
from tests.system.test_stack_lifecycle import becomes, nothing_is_left, of, owner

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = ("enrollment", "scheduling", "reporting")

pytestmark = pytest.mark.system

# Stands for a service: notes each verb with what it was told, and answers when asked for its health.
FAKE = '''
"""A stand-in for a service."""
import http.server, json, os, sys
name, verb = os.path.basename(os.path.dirname(__file__)), sys.argv[1]
shared = ("KAFKA_BOOTSTRAP_SERVERS", "OIDC_ISSUER")
told = {k: v for k, v in os.environ.items() if k.startswith(name.upper()) or k in shared}
with open(os.environ["FAKE_TRACE"], "a") as f:
    f.write(json.dumps({"name": name, "verb": verb, "told": told, "path": sys.path[0]}) + "\\n")
fault = os.environ.get("FAKE_FAULT_FILE", "")
if f"{name} {verb}" == (open(fault).read() if os.path.exists(fault) else os.environ.get("FAKE_FAULT")):
    sys.exit(f"{name}: the {verb} went wrong")
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        verdict = os.path.exists(fault) and open(fault).read() == f"{name} verdict"
        self.send_response(503 if verdict else 200 if self.path == "/health/ready" else 404)
        self.end_headers()
        told = {"status": "not ready", "problems": [], "verdict": f"{name}: flood of bad records"}
        self.wfile.write(json.dumps(told).encode() if verdict else name.encode())
if verb == "serve":
    address = told[f"{name.upper()}_HTTP_HOST"], int(told[f"{name.upper()}_HTTP_PORT"])
    http.server.HTTPServer(address, Health).serve_forever()
'''


class Commands:
    """The command line on a state folder of its own, with stand-ins for the services."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "state"
        self.trace = folder / "trace"
        for name in NAMES:
            (folder / "fakes" / name).mkdir(parents=True)
            (folder / "fakes" / name / "__init__.py").touch()
            (folder / "fakes" / name / "__main__.py").write_text(FAKE)
        self.env = {
            **os.environ,
            "JB_HOME": str(self.home),
            "FAKE_TRACE": str(self.trace),
            "PYTHONPATH": str(folder / "fakes"),
        }

    def popen(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "stack", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**self.env, **env},
        )

    def run(self, *arguments: str, **env: str) -> tuple[int, str, str]:
        process = self.popen(*arguments, **env)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def refused(self, *arguments: str, **env: str) -> str:
        """The last line of a failure; before it there is only progress."""
        code, out, err = self.run(*arguments, **env)
        assert code == 1 and "Traceback" not in out + err, (out, err)
        assert all(line.endswith("...") or ": ready in " in line for line in err.splitlines()[:-1]), err
        return err.splitlines()[-1]

    def published(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in (self.home / "stack.env").read_text().splitlines())


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    commands = Commands(tmp_path)
    yield commands
    commands.run("down")
    nothing_is_left(commands.home)


def test_up_status_down(commands: Commands, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = commands.run("up")
    assert code == 0, err
    with capsys.disabled():
        print(f"\n{out.splitlines()[0]} ", end="")
    published = commands.published()
    assert sorted(published) == sorted(
        ["KAFKA_BOOTSTRAP_SERVERS", "OIDC_ISSUER", "TOKEN"]
        + [f"TOKEN_{role.upper()}" for role in ROLES]
        + [f"{name.upper()}_{what}" for name in NAMES for what in ("URL", "DATABASE_URL")]
    )
    assert stat.S_IMODE((commands.home / "stack.env").stat().st_mode) == 0o600
    for name in NAMES:
        assert published[f"{name.upper()}_URL"] in out
        with urllib.request.urlopen(published[f"{name.upper()}_URL"] + "/health/ready") as answer:
            assert answer.read() == name.encode()

    code, out, _ = commands.run("status")
    assert code == 0 and "up" in out
    code, out, _ = commands.run("up")
    assert code == 0 and "already up" in out
    assert commands.published() == published

    ports = [int(published["KAFKA_BOOTSTRAP_SERVERS"].rsplit(":", 1)[1])]
    ports += [int(published[f"{name.upper()}_URL"].rsplit(":", 1)[1]) for name in NAMES]
    code, out, _ = commands.run("down")
    assert code == 0 and "nothing is left" in out
    assert not commands.home.exists()
    nothing_is_left(commands.home, ports=ports)
    code, out, _ = commands.run("down")
    assert code == 0 and "Nothing to stop" in out
    assert commands.run("status")[0] == 1


def test_services_are_prepared_before_they_serve_and_told_what_they_need(commands: Commands) -> None:
    assert commands.run("up")[0] == 0
    notes = [json.loads(line) for line in commands.trace.read_text().splitlines()]
    assert [n["verb"] for n in notes if n["name"] == "enrollment"] == ["migrate", "provision", "serve"]
    assert [n["verb"] for n in notes if n["name"] == "reporting"] == ["migrate", "serve"]
    assert {n["verb"] for n in notes[-3:]} == {"serve"}  # nobody serves before all are prepared
    told = {key: value for note in notes for key, value in note["told"].items()}
    published = commands.published()
    for name in NAMES:
        prefix = name.upper()
        assert told[f"{prefix}_DATABASE_URL"] == published[f"{prefix}_DATABASE_URL"]
        assert f"//{name}:" in told[f"{prefix}_DATABASE_URL"]
        assert f"//{name}_owner:" in told[f"{prefix}_MIGRATION_DATABASE_URL"]
        assert told[f"{prefix}_HTTP_HOST"] == "127.0.0.1"
    assert told["KAFKA_BOOTSTRAP_SERVERS"] == published["KAFKA_BOOTSTRAP_SERVERS"]
    assert len(told["ENROLLMENT_MASTER_KEY"]) == 44
    for name in NAMES:
        environment = commands.home / f"{name}.env"
        assert stat.S_IMODE(environment.stat().st_mode) == 0o600
        written = dict(line.split("=", 1) for line in environment.read_text().splitlines())
        assert written in [note["told"] for note in notes if note["name"] == name]
    assert str(commands.home) not in {note["path"] for note in notes}  # its folders are no packages


def test_a_service_that_fails_is_told_in_one_line_and_everything_stops(commands: Commands) -> None:
    line = commands.refused("up", FAKE_FAULT="scheduling migrate")
    assert line.startswith("scheduling-migrate ended with exit code 1 while running migrate: ")
    assert "scheduling: the migrate went wrong (log: " in line
    nothing_is_left(commands.home)
    line = commands.refused("up", FAKE_FAULT="reporting serve")
    assert line.startswith("reporting ended with exit code 1 while getting ready: reporting: the serve went wrong")
    nothing_is_left(commands.home)


def kill(commands: Commands, *programs: str) -> None:
    """As a crash of each; return when it is known."""
    for program in programs:
        (victim,) = [int(line.split()[0]) for line in of(commands.home) if program in line]
        os.kill(victim, signal.SIGKILL)
    assert becomes(lambda: commands.run("status")[1].count(" ended with signal SIGKILL") == len(programs))


def test_what_has_ended_is_said_first_and_started_again_by_up(commands: Commands) -> None:
    assert commands.run("up")[0] == 0
    published = commands.published()
    kill(commands, "-m scheduling serve")
    code, out, _ = commands.run("status")
    first, second, *_ = out.splitlines()
    assert code == 1 and first.startswith("Not all of the stack is up; `make up` starts again")
    assert second.startswith("  scheduling ended with signal SIGKILL while serving: ")
    assert second.endswith(f"(log: {commands.home}/logs/scheduling.log)")

    code, out, _ = commands.run("up")
    assert code == 0 and out.startswith("Started again: scheduling.\n")
    assert commands.run("status")[0] == 0
    assert commands.published() == published
    with urllib.request.urlopen(published["SCHEDULING_URL"] + "/health/ready") as answer:
        assert answer.read() == b"scheduling"


def test_a_service_whose_work_has_ended_is_named_and_started_again_by_up(commands: Commands, tmp_path: Path) -> None:
    """It answers, as its API should: the process has not ended."""
    fault = tmp_path / "fault"
    assert commands.run("up", FAKE_FAULT_FILE=str(fault))[0] == 0
    fault.write_text("enrollment verdict")
    line = "  enrollment answers, but its work has ended: enrollment: flood of bad records\n"
    assert becomes(lambda: line in commands.run("status")[1])
    assert commands.run("status")[0] == 1
    assert commands.refused("up") == line.strip(), "the verdict stands: nothing else is said"
    fault.unlink()
    code, out, _ = commands.run("up")
    assert (code, out.splitlines()[0]) in ((0, "Started again: enrollment."), (0, "The stack is already up."))
    assert becomes(lambda: commands.run("status")[0] == 0)


def test_a_stack_with_a_verdict_starts_and_says_so(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "fault").write_text("enrollment verdict")
    code, out, err = commands.run("up", FAKE_FAULT_FILE=str(tmp_path / "fault"))
    assert code == 0, err
    assert "enrollment answers, but its work has ended: enrollment: flood of bad records" in out


def test_a_killed_server_is_started_again_on_its_data(commands: Commands) -> None:
    assert commands.run("up", "--no-services")[0] == 0
    published = commands.published()
    kill(commands, "kafka.Kafka", "bin/postgres -D")
    assert "kafka ended" in commands.run("status")[1]
    code, out, _ = commands.run("up")
    assert code == 0 and out.startswith("Started again: kafka, postgres.\n")
    assert commands.published() == published
    host, port = published["KAFKA_BOOTSTRAP_SERVERS"].split(":")
    socket.create_connection((host, int(port))).close()


def test_a_service_that_ends_again_is_told_and_holds_up_no_other(commands: Commands) -> None:
    fault = commands.home.parent / "fault"
    assert commands.run("up", FAKE_FAULT_FILE=str(fault))[0] == 0
    fault.write_text("enrollment serve")
    kill(commands, "-m enrollment serve", "-m scheduling serve")
    line = commands.refused("up")
    assert line.startswith("enrollment ended with exit code 1 while getting ready: enrollment: the serve went wrong")
    code, out, _ = commands.run("status")
    assert code == 1 and "enrollment: the serve went wrong" in out and "scheduling ended" not in out
    fault.unlink()
    assert commands.run("up")[1].startswith("Started again: enrollment.\n")


def test_what_was_told_of_an_earlier_stack_is_forgotten(commands: Commands) -> None:
    assert commands.run("up")[0] == 0
    kill(commands, "-m scheduling serve")
    assert commands.run("down", "--keep-data")[0] == 0
    assert commands.run("up")[0] == 0
    assert becomes(lambda: commands.run("status")[0] == 0)


def test_a_stack_that_another_program_holds_is_up_and_cannot_be_asked(commands: Commands) -> None:
    with owner(commands.home) as it:
        it.started()
        (commands.home / "troubles").write_text("  of an earlier stack\n")
        assert commands.run("status")[0] == 0
        code, out, _ = commands.run("up")
        assert code == 0 and out.startswith("The stack is already up.\n")


def test_down_clears_up_after_a_supervisor_that_was_killed(commands: Commands) -> None:
    assert commands.run("up", "--no-services")[0] == 0
    os.kill(int((commands.home / "owner").read_text()), signal.SIGKILL)
    nothing_is_left(commands.home)
    code, out, _ = commands.run("status")
    assert code == 1 and "is down" in out
    assert commands.run("up", "--no-services")[0] == 0  # on the same data
    assert commands.run("down", "--keep-data")[0] == 0
    assert (commands.home / "postgres" / "data" / "PG_VERSION").exists()
    assert list(commands.home.glob("*.env")) == []
    nothing_is_left(commands.home)


def test_ctrl_c_and_a_killed_command_leave_nothing(commands: Commands) -> None:
    command = commands.popen("up", "--no-services")
    assert becomes(lambda: any((commands.home / "pids").glob("*")))
    command.send_signal(signal.SIGINT)
    _, err = command.communicate(timeout=60)
    assert command.returncode == 130 and err.splitlines()[-1] == "Interrupted: everything was stopped."
    nothing_is_left(commands.home)
    command = commands.popen("up", "--no-services")
    assert becomes(lambda: any((commands.home / "pids").glob("*")))
    command.kill()
    command.communicate()
    nothing_is_left(commands.home)


@pytest.mark.parametrize("ignored", [False, True])
def test_an_ignored_ctrl_c_is_said_with_what_ends_the_stack(commands: Commands, ignored: bool) -> None:
    """As in the background of a shell; whoever started the tests."""
    trap = "trap '' INT; " if ignored else ""
    command = ["sh", "-c", f'{trap}exec "$0" -m stack up --no-services', sys.executable]
    up = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, env=commands.env)
    assert becomes(lambda: any((commands.home / "pids").glob("*")))
    up.send_signal(signal.SIGINT)
    out, _ = up.communicate(timeout=120)
    assert ("SIGINT ignored" in out and "`make down` does" in out) is ignored
    assert up.returncode == (0 if ignored else 130)
    assert commands.run("down")[0] == 0
    nothing_is_left(commands.home)


def test_a_port_in_use_is_named_with_its_variable(commands: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for variable in ("JB_KAFKA_PORT", "JB_POSTGRES_PORT", "JB_REPORTING_PORT"):
            line = commands.refused("up", **{variable: port})
            assert f"Port {port} for " in line and f"set {variable} to another port" in line


def test_given_ports_are_used(commands: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as lent:
        port = str(lent.getsockname()[1])
    assert commands.run("up", JB_REPORTING_PORT=port)[0] == 0
    assert commands.published()["REPORTING_URL"] == f"http://127.0.0.1:{port}"


def test_offline_is_one_line(commands: Commands, tmp_path: Path) -> None:
    line = commands.refused("up", JB_CACHE=str(tmp_path / "cache"), JB_MAVEN_REPOSITORY="http://127.0.0.1:9")
    assert ".jar could not be downloaded from http://127.0.0.1:9" in line and "check the network" in line


def test_a_tampered_jar_is_one_line(commands: Commands, tmp_path: Path) -> None:
    jar = tmp_path / "cache" / "jars" / "kafka-clients-4.3.1.jar"
    jar.parent.mkdir(parents=True)
    jar.write_bytes(b"not the jar")
    line = commands.refused("up", JB_CACHE=str(tmp_path / "cache"))
    assert f"{jar} is not the jar that was locked" in line


def test_a_folder_that_cannot_be_used_is_one_line(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is no folder" in commands.refused("up", JB_HOME=str(tmp_path / "file"))
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").touch()
    assert "left alone" in commands.refused("down", JB_HOME=str(mine))
    assert (mine / "thesis.txt").exists()


@pytest.mark.parametrize("when", ["before", "in the middle"])
def test_a_full_disk_is_one_line(tmp_path: Path, when: str) -> None:
    """On a real small disk; in the middle: as if the look beforehand had found room."""
    look = "errors.check_room.__defaults__ = (0,)" if when == "in the middle" else ""
    script = f"""
import sys
from pathlib import Path
from stack import LocalStack, StackError, errors
{look}
try:
    LocalStack(Path(sys.argv[1]) / "state", services=False).start()
except StackError as e:
    print(e)
"""
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--user", "--map-root-user"]
    mount = 'mount -t tmpfs -o size=24m none "$1" && exec "$0" -c "$2" "$1"'
    result = subprocess.run(
        [*unshare, "sh", "-c", mount, sys.executable, tmp_path, script],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert result.stderr == ""
    (line,) = result.stdout.splitlines()
    assert line.startswith(f"The disk of {tmp_path}") and "is full" in line and "JB_HOME" in line
    nothing_is_left(tmp_path)


async def test_the_service_uses_what_its_owner_makes_and_changes_no_schema(tmp_path: Path) -> None:
    with LocalStack(tmp_path, services=False) as stack:
        first, again = (stack.postgres.create_service_database("enrollment") for _ in range(2))
        assert first == again
        other = stack.postgres.create_service_database("scheduling")
        owner, service = await asyncpg.connect(first.owner_url), await asyncpg.connect(first.url)
        await owner.execute(
            """
            CREATE TABLE a(id bigserial PRIMARY KEY, n int);
            CREATE SCHEMA later;
            CREATE TABLE later.b(n int);
            CREATE SEQUENCE later.s;
            CREATE FUNCTION later.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
            """
        )
        assert await service.fetchval("INSERT INTO a(n) VALUES (1) RETURNING id") == 1
        await service.execute("UPDATE a SET n = 2; INSERT INTO later.b SELECT n FROM a; DELETE FROM a")
        assert await service.fetchval("SELECT nextval('later.s') + later.f()") == 2
        await service.execute("CREATE TEMPORARY TABLE mine(n int)")
        for refused in (
            "CREATE TABLE c(n int)",
            "TRUNCATE a",
            "DROP TABLE a",
            "ALTER TABLE a ADD m int",
            "CREATE SCHEMA x",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute(refused)
        await owner.close()
        await service.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):  # no service reads another's database
            await asyncpg.connect(
                first.url.replace("/enrollment", "/scheduling").replace("//scheduling", "//enrollment")
            )
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(other.url.replace("//scheduling:", "//scheduling:x"))


async def test_every_test_can_have_its_own_database(tmp_path: Path) -> None:
    with LocalStack(tmp_path, services=False) as stack:
        migrated = stack.postgres.create_service_database("enrollment")
        owner = await asyncpg.connect(migrated.owner_url)
        await owner.execute("CREATE TABLE a(n int)")
        await owner.close()
        names = set()
        for template in (None, "enrollment"):
            with stack.postgres.fresh_database("enrollment", template=template) as fresh:
                names.add(fresh.name)
                service = await asyncpg.connect(fresh.url)
                assert await service.fetchval("SELECT to_regclass('a') IS NOT NULL") is (template is not None)
                if template:
                    await service.execute("INSERT INTO a VALUES (1)")
        assert len(names) == 2
        superuser = await asyncpg.connect(stack.postgres.url())
        left = await superuser.fetch("SELECT datname FROM pg_database WHERE datname = ANY($1)", list(names))
        await superuser.close()
        assert left == []


@pytest.mark.xdist_group("system")
@pytest.mark.parametrize("service", NAMES)
def test_the_verbs_of_the_runbook_run_with_what_the_service_was_told(system: LocalStack, service: str) -> None:
    (shown,) = re.findall(r"^(set -a; .*)\npython -m (.*)$", (REPOSITORY / "docs/runbook.md").read_text(), re.MULTILINE)
    prepare, verb = (part.replace("enrollment", service) for part in shown)
    for command in (verb, f"{service} dead-letters list"):
        script = f"{prepare.replace('.local', str(system.home.path))}; {shlex.quote(sys.executable)} -m {command}"
        done = subprocess.run(
            ["sh", "-c", script],
            env={"PATH": os.environ["PATH"]},
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "log end" in done.stdout or "No dead letter is waiting." in done.stdout


def test_the_services_are_data(tmp_path: Path) -> None:
    """A stack of another service, stopped and started again by name."""
    commands = Commands(tmp_path)
    only = (Service("reporting", prepare=()),)
    with pytest.MonkeyPatch.context() as patch:
        for key in ("FAKE_TRACE", "PYTHONPATH"):
            patch.setenv(key, commands.env[key])
        with LocalStack(commands.home, services=only) as stack:
            assert set(stack.urls) == {"reporting"}
            assert set(stack.env) == {"KAFKA_BOOTSTRAP_SERVERS", "OIDC_ISSUER"} | {
                f"REPORTING_{what}" for what in ("DATABASE_URL", "MIGRATION_DATABASE_URL", "HTTP_HOST", "HTTP_PORT")
            }
            before = stack.children["reporting"].pid
            stack.stop_service("reporting")
            assert stack.dead() == {}
            stack.start_service("reporting")
            assert stack.children["reporting"].pid != before
    nothing_is_left(commands.home)


DEMO = """
import threading
from demo.addresses import running
from demo.__main__ import interruptible
try:
    with interruptible(), running(lambda line: print(line, flush=True)):
        print("up", flush=True)
        threading.Event().wait()
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


def test_what_ends_under_a_demo_is_said_there_and_started_again_by_up(commands: Commands) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-c", DEMO], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, env=commands.env
    )
    assert demo.stdout
    assert demo.stdout.readline() == "up\n"
    url = commands.published()["SCHEDULING_URL"]
    (victim,) = [int(line.split()[0]) for line in of(commands.home) if "-m scheduling serve" in line]
    os.kill(victim, signal.SIGKILL)
    assert demo.stdout.readline().startswith("scheduling ended with signal SIGKILL while serving: ")
    assert not Path(f"/proc/{victim}").exists(), "it is no zombie"
    code, out, _ = commands.run("status")
    assert code == 1 and "scheduling ended with signal SIGKILL" in out

    code, out, _ = commands.run("up")
    assert code == 0 and out.startswith("Started again: scheduling.\n")
    assert demo.stdout.readline() == "Started again: scheduling.\n"
    assert commands.run("status")[0] == 0
    with urllib.request.urlopen(url + "/health/ready") as answer:
        assert answer.read() == b"scheduling"

    demo.send_signal(signal.SIGINT)
    assert demo.stdout.readline() == "stopped\n"
    assert demo.wait(60) == 0
    assert not commands.home.exists()


def test_where_nobody_watches_the_status_is_that_of_the_processes(commands: Commands) -> None:
    with owner(commands.home) as holder:
        (kafka, _), _ = holder.started()
        assert commands.run("status")[0] == 0
        os.kill(kafka, signal.SIGKILL)
        assert becomes(lambda: "  kafka has ended" in commands.run("status")[1])
        assert "kafka has ended" in commands.run("up")[2]
