"""`up`, `down`, `status`: a stack that stays after the command has returned, kept by a supervisor in the background."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from stack import postgres
from stack.errors import StackError
from stack.home import REPOSITORY, Home, default_home, write_private
from stack.issuer import DAY
from stack.local import LocalStack, interruptible
from stack.local import token as issue
from stack.processes import Processes, kill_and_wait, telling_line
from stack.progress import Event, JsonLines, Report, Timings, for_people, silent

log = logging.getLogger("stack")


def up(*, services: bool = True) -> int:
    """Start the stack, or what has ended of it; show how it goes, and return when it is ready. It stays."""
    home = Home(default_home())
    if owner := home.owner():
        if not home.env_file.exists():
            raise StackError(f"A stack in {home.path} is just starting or stopping (process {owner}): wait for it.")
        troubles = _troubles(home, owner)
        if troubles and not _watches(home, owner):
            raise StackError(
                f"{troubles}Who holds the stack (process {owner}) starts nothing again: `make down` ends it."
            )
        again = _started_again(home, owner) if _watches(home, owner) else ""
        print(f"Started again: {again}." if again else "The stack is already up.")
        print(_addresses(home))
        return 0
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        print(
            "Started with SIGINT ignored (in the background): Ctrl-C ends nothing here, `make down` does.", flush=True
        )
    began = monotonic()
    supervisor = _supervisor(home, services=services)
    try:
        with for_people() as view:
            summary = _follow(supervisor, view)
    except BaseException:
        supervisor.terminate()  # it stops what it has started
        supervisor.wait()
        raise
    print(f"Up in {monotonic() - began:.1f} s ({summary}).\n{_addresses(home)}")
    return 0


def down(*, keep_data: bool = False) -> int:
    """Stop everything in this state folder, also what a killed stack left, and remove the data."""
    home = Home(default_home())
    if not home.path.exists():
        print(f"Nothing to stop: {home.path} does not exist.")
        return 0
    if not home.ours():
        raise StackError(f"{home.path} was not made by a stack and is left alone: see what JB_HOME is set to.")
    if owner := home.owner():
        _end(owner, home)
    home.take()
    try:
        Processes(home.path).sweep()
        postgres.sweep(home.path)
        if not keep_data:
            home.remove()
    finally:
        home.release()
    print("Stopped; the data is kept." if keep_data else "Stopped; nothing is left.")
    return 0


def status() -> int:
    """Say what has ended, or else that all of it is up."""
    home = Home(default_home())
    owner = home.owner()
    if not owner or not home.env_file.exists():
        print(f"The stack in {home.path} is {'starting or stopping' if owner else 'down'}.")
        return 1
    if troubles := _troubles(home, owner):
        print(f"Not all of the stack is up; `make up` starts again what has ended.\n{troubles}{_addresses(home)}")
        return 1
    print(f"The stack is up (process {owner}).\n{_addresses(home)}")
    return 0


def token(role: str, campaigns: str | None, schools: str | None) -> int:
    """Print a bearer token of the local user of a role, for 12 hours; both lists are separated by spaces."""
    home = Home(default_home())
    if not home.owner() or not home.env_file.exists():
        raise StackError("No stack is up: `make up` starts one.")
    published = dict(line.split("=", 1) for line in home.env_file.read_text().splitlines())
    if "OIDC_ISSUER" not in published:
        raise StackError("This stack has no services, so no issuer either.")
    lists = {"jb_campaigns": campaigns, "jb_schools": schools}
    claims = {name: text.split() for name, text in lists.items() if text is not None}
    try:
        print(issue(home, published["OIDC_ISSUER"], role, seconds=DAY // 2, **claims))
    except ValueError as e:
        raise StackError(f"{e}.") from None
    return 0


def supervise(*, services: bool = True) -> int:
    """The background half of `up`: owns all processes of the stack, and reports over its standard output."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    pipe = JsonLines(os.fdopen(os.dup(1), "w"))
    os.dup2(2, 1)
    stack = LocalStack(services=services, progress=pipe)
    with interruptible():
        try:
            with stack:
                summary = ", ".join([stack.report.summary(), *stack.dead().values()])
                pipe.say({"ready": summary})
                log.info("up: %s", summary)
                stack.report = Timings(silent)  # nobody reads the pipe from now on
                _watch(stack, log.error, threading.Event())
        except KeyboardInterrupt:
            log.info("stopped")
        except StackError as e:
            log.error("%s", e)
            pipe.say({"failed": str(e)})
            return 1
    return 0


@contextmanager
def watched(stack: LocalStack, tell: Callable[[str], None]) -> Iterator[None]:
    """Watch a stack that this program holds: `tell` gets a line for what ends, and for what `make up` starts again."""
    stack.report = Timings(silent)  # its view of the start is closed
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(stack, tell, ended), name="watch")
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        stack.call_off()
        watcher.join()


def _watch(stack: LocalStack, tell: Callable[[str], None], ended: threading.Event) -> None:
    """Until `ended`. A part that dies is reaped, told, and waits for `up`: its reason must be seen."""
    told: Mapping[str, str] | None = None
    troubles, asked = _troubles_file(stack.home), _asked_file(stack.home)
    write_private(_watcher_file(stack.home), str(os.getpid()))
    while not ended.is_set():
        answer = _start_again(stack) if asked.exists() and not asked.read_text() else None
        dead = stack.dead()
        if dead != told:
            for name, line in dead.items():
                if line != (told or {}).get(name):
                    tell(line)
            troubles.write_text("".join(f"  {line}\n" for line in dead.values()))
            told = dead
        if answer:
            if answer["started"]:
                tell(f"Started again: {', '.join(answer['started'])}.")
            write_private(asked, json.dumps(answer))
        ended.wait(1)


def _start_again(stack: LocalStack) -> dict[str, list[str]]:
    answer: dict[str, list[str]] = {"started": [], "failed": []}
    for name in stack.dead():  # the servers come first
        try:
            stack.start_again(name)
            answer["started"].append(name)
        except StackError as e:
            answer["failed"].append(str(e))
    return answer


def _started_again(home: Home, owner: int) -> str:
    """Ask the supervisor, who owns all processes, to start what has ended; the names of what it started."""
    asked, pause = _asked_file(home), threading.Event()
    write_private(asked, "")
    try:
        while home.owner() == owner:
            if text := asked.read_text():
                answer = json.loads(text)
                if answer["failed"]:
                    raise StackError("\n".join(answer["failed"]))
                return ", ".join(answer["started"])
            pause.wait(0.05)
    except KeyboardInterrupt:
        raise StackError(
            "Interrupted; the stack goes on starting what has ended: see `python -m stack status`."
        ) from None
    raise StackError(f"The stack was stopped meanwhile: see {_short(home.logs)}/supervisor.log.")


def _watches(home: Home, owner: int) -> bool:
    """Whether the owner watches its stack and can be asked; a test, which holds one of its own, does not."""
    file = _watcher_file(home)
    return file.exists() and file.read_text() == str(owner)


def _supervisor(home: Home, *, services: bool) -> subprocess.Popen[str]:
    home.ensure()
    home.logs.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "stack", "supervise"] + ([] if services else ["--no-services"])
    with (home.logs / "supervisor.log").open("ab") as supervisor_log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=supervisor_log,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "JB_HOME": str(home.path)},
            start_new_session=True,  # it outlives this command and its terminal
        )


def _follow(supervisor: "subprocess.Popen[str]", view: Report) -> str:
    assert supervisor.stdout is not None
    for line in supervisor.stdout:
        message = json.loads(line)
        if "event" in message:
            view(Event(**message["event"]))
        elif "failed" in message:
            raise StackError(message["failed"])
        elif "ready" in message:
            return str(message["ready"])
    output = (default_home() / "logs" / "supervisor.log").read_text()
    raise StackError(f"The stack ended while starting: {telling_line(output)}")


def _end(owner: int, home: Home) -> None:
    """Ask the owner to stop its stack; when it does not, the kernel stops what it owned."""
    try:
        os.kill(owner, signal.SIGTERM)
    except PermissionError as e:
        raise StackError(f"The stack in {home.path} belongs to another user (process {owner}): stop it as them.") from e
    except ProcessLookupError:
        return
    deadline, pause = monotonic() + 60, threading.Event()
    while home.owner() == owner:
        if monotonic() > deadline:
            kill_and_wait([owner])
            return
        pause.wait(0.02)


def _addresses(home: Home) -> str:
    published = dict(line.split("=", 1) for line in home.env_file.read_text().splitlines())
    private = ("_DATABASE_URL", "TOKEN")
    shown = {
        k.removesuffix("_URL").capitalize(): v
        for k, v in published.items()
        if not k.endswith(private) and not k.startswith("TOKEN_")
    }
    lines = [
        f"  {name.replace('_bootstrap_servers', '').replace('Oidc_', '').capitalize():<12} {value}"
        for name, value in shown.items()
    ]
    lines.append(
        f"  All addresses, and a token for each role, are in {_short(home.env_file)}; logs in {_short(home.logs)}."
    )
    if services := sorted(file.name for file in home.path.glob("*.env") if file != home.env_file):
        lines.append(f"  What each service was told, for its verbs: {', '.join(services)} beside it (docs/runbook.md).")
    return "\n".join(lines)


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _troubles(home: Home, owner: int) -> str:
    """A line for every part that has ended: as its owner says, or as the system does where nobody watches."""
    if not _watches(home, owner):
        return "".join(f"  {name} has ended (log: {home.logs}/{name}.log)\n" for name in Processes(home.path).gone())
    file = _troubles_file(home)
    return file.read_text() if file.exists() else ""


def _troubles_file(home: Home) -> Path:
    """A line for every part that has ended."""
    return home.path / "troubles"


def _watcher_file(home: Home) -> Path:
    """The process id of an owner that watches."""
    return home.path / "watcher"


def _asked_file(home: Home) -> Path:
    """Empty: somebody asks to start again what has ended. Then: what came of it."""
    return home.path / "start-again"
