"""Child processes that never outlive their owner.

Three nets, each for what the one before cannot catch: the owner stops its children; the kernel kills them when the
owner is killed (launch.py); files with their process ids let the next start find whatever is left all the same.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Self

from stack.errors import Cancelled, StackError, disk_full, explained

LAUNCHER = str(Path(__file__).with_name("launch.py"))
GONE = ("", "Z", "X")  # states of a process that runs no more, whether somebody has taken note of it or not

# The kernel ties "kill me with my owner" to the *thread* that forked: one thread, alive as long as we are, forks all.
_forker = ThreadPoolExecutor(1, thread_name_prefix="forker")


@dataclass
class Child:
    """A running program: its process, its log, and the signal that asks it to end."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    log_begin: int
    stop_signal: signal.Signals = signal.SIGTERM
    helpers: Callable[[], list[int]] = list  # processes of its own that may be frozen with it
    pid_file: Path | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def signal(self, which: signal.Signals) -> None:
        if self.alive:
            self.process.send_signal(which)

    def freeze(self) -> None:
        """Still there, still connected, silent."""
        self.signal(signal.SIGSTOP)
        _wait_while(lambda: _state(self.pid) not in (*GONE, "T"), f"{self.name} does not freeze")
        helpers = self.helpers()  # it can start no more of them
        _signal(helpers, signal.SIGSTOP)
        _wait_while(lambda: any(_state(pid) not in (*GONE, "T") for pid in helpers), f"{self.name} does not freeze")

    def thaw(self) -> None:
        _signal(self.helpers(), signal.SIGCONT)
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """As a power cut for the program and its helpers."""
        self.signal(signal.SIGKILL)
        self.wait(10)
        kill_and_wait(self.helpers())

    def wait(self, timeout: float | None = None) -> int:
        code = self.process.wait(timeout)
        if self.pid_file:
            self.pid_file.unlink(missing_ok=True)
        return code

    def output(self) -> str:
        """What it wrote to its log since it began, at most the last 64 KiB."""
        try:
            with self.log.open("rb") as f:
                f.seek(max(self.log_begin, f.seek(0, os.SEEK_END) - 65536))
                return f.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def failure(self, doing: str, hint: str = "") -> StackError:
        """One line about a program that ended, or does not answer, when it should have."""
        output = self.output()
        if "No space left on device" in output:
            return disk_full(self.log.parent)
        code = self.process.poll()
        ended = "does not answer" if code is None else f"ended with {_exit_words(code)}"
        why = hint if hint and code is None else telling_line(output, self.name)
        return StackError(f"{self.name} {ended} while {doing}: {why} (log: {self.log})")


class Processes:
    """All children of one owner that share a state folder."""

    def __init__(self, home: Path) -> None:
        self.pids = home / "pids"
        self.logs = home / "logs"
        self.children: list[Child] = []
        self.cancelled = threading.Event()
        self._lock = threading.Lock()

    def spawn(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        wrap: Sequence[str] = (),
        stop_signal: signal.Signals = signal.SIGTERM,
        helpers: Callable[[], list[int]] = list,
    ) -> Child:
        """Start a program whose output goes to `logs/<name>.log`; `wrap` is a command that changes the user first."""
        with explained(self.logs.parent):
            self.logs.mkdir(parents=True, exist_ok=True)
            self.pids.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        launched = [*wrap, sys.executable, "-IS", LAUNCHER, str(os.getpid()), *map(str, command)]
        with self._lock, log.open("ab") as out:
            if self.cancelled.is_set():
                raise Cancelled
            begin = out.tell()
            process = _forker.submit(
                subprocess.Popen,
                launched,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=None if env is None else dict(env),
                start_new_session=True,  # Ctrl-C is for the owner, who stops its children in order
            ).result()
            pid_file = self.pids / f"{name}.{process.pid}"
            pid_file.write_text(_birth(process.pid) or "")
            child = Child(name, process, log, begin, stop_signal, helpers, pid_file)
            self.children = [c for c in self.children if c.alive] + [child]
        return child

    def run(
        self,
        name: str,
        command: Sequence[str | Path],
        doing: str,
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        wrap: Sequence[str] = (),
        timeout: float = 120,
    ) -> None:
        """Run a program to its end; anything but success is an error in one line."""
        child = self.spawn(name, command, cwd=cwd, env=env, wrap=wrap)
        try:
            code = child.wait(timeout)
        except subprocess.TimeoutExpired:
            stop([child], grace=5)
            raise StackError(f"{name} was not done with {doing} after {timeout:.0f} s (log: {child.log})") from None
        if self.cancelled.is_set():
            raise Cancelled
        if code != 0:
            raise child.failure(doing)

    def wait_until(
        self,
        ready: Callable[[], bool],
        child: Child,
        doing: str,
        *,
        timeout: float = 90,
        hint: Callable[[], str] = str,
    ) -> None:
        """Ask again and again, at growing intervals, until it is ready, has ended, or the time is over."""
        deadline, pause = monotonic() + timeout, 0.01
        while not ready():
            if self.cancelled.wait(pause):
                raise Cancelled
            if not child.alive or monotonic() > deadline:
                raise child.failure(doing, hint())
            pause = min(pause * 1.3, 0.1)

    def cancel(self) -> None:
        """Let nothing new start, and stop what runs."""
        self.cancelled.set()
        self.stop_all()

    def stop_all(self) -> None:
        with self._lock:
            children, self.children = self.children, []
        stop(children)

    def gone(self) -> list[str]:
        """Names of programs of which none runs any more, although nobody stopped them; whoever their owner is."""
        files = [file for file in self.pids.glob("*.*") if file.suffix[1:].isdigit()]
        running = {file.stem for file in files if _birth(int(file.suffix[1:])) == file.read_text()}
        return sorted({file.stem for file in files} - running)

    def sweep(self) -> None:
        """Kill what an earlier owner left behind. Only processes that are surely those: same id, same time of birth."""
        for pid_file in self.pids.glob("*.*") if self.pids.is_dir() else ():
            pid = pid_file.suffix[1:]
            if pid.isdigit() and (born := pid_file.read_text()) and born == _birth(int(pid)):
                kill_and_wait([int(pid)])
            pid_file.unlink(missing_ok=True)


class Server:
    """A server with its data in a folder of its own. Its port stays the same through `stop`, `kill` and `start`."""

    name: str
    grace: float  # seconds that it takes to end in order, at most
    folder: Path
    child: Child | None = None

    @property
    def alive(self) -> bool:
        return self.child is not None and self.child.alive

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Return when clients are served. The first start of a folder makes the data."""
        raise NotImplementedError

    def stop(self) -> None:
        """Let it end in order."""
        if self.child:
            stop([self.child], self.grace)

    def kill(self) -> None:
        """As a power cut for the server and its helpers."""
        self._running().kill()

    def freeze(self) -> None:
        """Still there, still connected, silent."""
        self._running().freeze()

    def thaw(self) -> None:
        self._running().thaw()

    def _running(self) -> Child:
        if self.child is None:
            raise RuntimeError(f"{self.name} was not started")
        return self.child


def stop(children: Iterable[Child], grace: float = 10) -> None:
    """Ask all at once, wait for all, kill those that do not listen."""
    children = list(children)
    deadline = monotonic() + grace
    for child in children:
        child.signal(child.stop_signal)
        child.thaw()  # a frozen one would never hear
    for child in children:
        try:
            child.wait(max(0.0, deadline - monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()


def kill_and_wait(pids: Iterable[int], timeout: float = 10) -> None:
    """SIGKILL processes that need not be our children, and wait until they are gone."""
    waiting = list(pids)
    _signal(waiting, signal.SIGKILL)
    trouble = f"Processes {waiting} do not end although they were killed: look at them with ps."
    _wait_while(lambda: any(_state(pid) not in GONE for pid in waiting), trouble, timeout)


def with_cwd(folder: Path, program: str) -> list[int]:
    """Ids of the processes of that program that work in that folder."""
    pids = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if (entry / "comm").read_text().strip() == program and (entry / "cwd").readlink() == folder:
                    pids.append(int(entry.name))
    return pids


def files_of(package: str) -> Path:
    """The folder of an installed wheel, found without importing it: nothing of it is needed but the files."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StackError(f"The Python package {package.replace('_', '-')} is not installed: run `make install`.")
    return Path(spec.submodule_search_locations[0])


def telling_line(output: str, name: str = "") -> str:
    """The line of a log that says most about its end: the last complaint, or else the last line.

    Before all, one that begins with the `name` of a program of ours: its clients complain on their own while it stops.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    at_code = re.compile(r"^(at |\.\.\. |\s*~*\^+|File \")")
    lines = [line for line in lines if not at_code.match(line)]
    own_words = [line for line in lines if name and line.startswith(f"{name.partition('-')[0]}: ")]
    complaints = [line for line in lines if re.search(r"FATAL|PANIC|ERROR|([Ee]rror|Exception)\b", line)]
    return (own_words or complaints or lines or ["it said nothing"])[-1][:500]


def _signal(pids: Iterable[int], which: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, which)


def _wait_while(true: Callable[[], bool], trouble: str, timeout: float = 10) -> None:
    """For what the kernel does in a moment."""
    deadline, pause = monotonic() + timeout, threading.Event()
    while true():
        if monotonic() > deadline:
            raise StackError(trouble)
        pause.wait(0.005)


def _stat(pid: int) -> list[str]:
    """What the kernel says of a process, from its state on; nothing of one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _state(pid: int) -> str:
    stat = _stat(pid)
    if not stat:
        return ""
    # The first thread of a killed JVM is dead a moment before the others, which still hold its port and its locks.
    return "dying" if stat[0] == "Z" and int(stat[17]) > 1 else stat[0]


def _birth(pid: int) -> str | None:
    """When a living process began, in clock ticks of this very boot; None for one that is gone or only unburied."""
    stat = _stat(pid)
    if not stat or _state(pid) in GONE:
        return None
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {stat[19]}"


def _exit_words(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
