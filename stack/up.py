"""`up`, `down`, `status`: a stack that stays after the command has returned, kept by a supervisor in the background."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

from stack import postgres
from stack.errors import StackError
from stack.home import REPOSITORY, Home, default_home
from stack.local import LocalStack, interruptible
from stack.processes import Processes, kill_and_wait, telling_line
from stack.progress import Event, JsonLines, Report, for_people

log = logging.getLogger("stack")


def up(*, services: bool = True) -> int:
    """Start the stack, show how it goes, and return when it is ready. It stays."""
    home = Home(default_home())
    if owner := home.owner():
        if not home.env_file.exists():
            raise StackError(f"A stack in {home.path} is just starting or stopping (process {owner}): wait for it.")
        print(f"The stack is already up.\n{_addresses(home)}")
        return 0
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
    """Say whether it is up, and what has died."""
    home = Home(default_home())
    owner = home.owner()
    if not owner or not home.env_file.exists():
        print(f"The stack in {home.path} is {'starting or stopping' if owner else 'down'}.")
        return 1
    troubles = _troubles_file(home).read_text() if _troubles_file(home).exists() else ""
    print(f"The stack is up (process {owner}).\n{_addresses(home)}")
    if troubles:
        print(troubles, file=sys.stderr, end="")
    return 1 if troubles else 0


def supervise(*, services: bool = True) -> int:
    """The background half of `up`: owns all processes of the stack, and reports over its standard output."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    pipe = JsonLines(os.fdopen(os.dup(1), "w"))
    os.dup2(2, 1)
    stack = LocalStack(services=services, progress=pipe)
    with interruptible():
        try:
            with stack:
                pipe.say({"ready": stack.summary})
                log.info("up: %s", stack.summary)
                _watch(stack)
        except KeyboardInterrupt:
            log.info("stopped")
        except StackError as e:
            log.error("%s", e)
            pipe.say({"failed": str(e)})
            return 1
    return 0


def _watch(stack: LocalStack) -> None:
    """Until somebody asks us to end; a part that dies is told, not started again: its reason must be seen."""
    told: Mapping[str, str] = {}
    troubles = _troubles_file(stack.home)
    while True:
        dead = stack.dead()
        if dead != told:
            for line in dead.values():
                log.error("%s", line)
            troubles.write_text("".join(f"{line}\n" for line in dead.values()))
            told = dead
        threading.Event().wait(1)


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
    said = (default_home() / "logs" / "supervisor.log").read_text()
    raise StackError(f"The stack ended while starting: {telling_line(said)}")


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
    shown = {k.removesuffix("_URL").capitalize(): v for k, v in published.items() if not k.endswith("_DATABASE_URL")}
    lines = [f"  {name.replace('_bootstrap_servers', ''):<12} {value}" for name, value in shown.items()]
    return "\n".join([*lines, f"  All addresses are in {_short(home.env_file)}; logs in {_short(home.logs)}."])


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _troubles_file(home: Home) -> Path:
    return home.path / "troubles"
