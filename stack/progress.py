"""What a person sees while the stack starts: bars on a terminal, plain lines elsewhere."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Literal, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

State = Literal["running", "done", "failed"]


@dataclass(frozen=True)
class Event:
    """One thing that happened to one step. `total` is 0 where nobody knows how much there is to do."""

    step: str
    state: State
    text: str = ""
    amount: int = 0
    total: int = 0
    seconds: float = 0.0


Report = Callable[[Event], None]


def silent(_: Event) -> None:
    """For tests and programs that show nothing."""


@contextmanager
def timed(step: str, report: Report) -> Iterator[None]:
    """Tell that a step runs, and how long it took."""
    began = monotonic()
    report(Event(step, "running"))
    try:
        yield
    except BaseException:
        report(Event(step, "failed", seconds=monotonic() - began))
        raise
    report(Event(step, "done", seconds=monotonic() - began))


class Timings:
    """Remembers how long each step took, and passes every event on."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.seconds: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        if event.state == "done":
            self.seconds[event.step] = event.seconds
        self._report(event)

    def summary(self) -> str:
        return " · ".join(f"{step} {seconds:.1f} s" for step, seconds in self.seconds.items())


class Plain:
    """Lines for a log or a pipe: one when a step begins, one when it ends, and every tenth of a download."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._shown: dict[str, object] = {}

    def __call__(self, event: Event) -> None:
        if event.state == "done":
            print(f"{event.step}: ready in {event.seconds:.1f} s", file=self._out, flush=True)
        elif event.state == "running":
            tenth = event.amount * 10 // event.total if event.total else None
            if self._shown.get(event.step) == (event.text, tenth):
                return
            self._shown[event.step] = (event.text, tenth)
            share = f" {tenth * 10} %" if tenth is not None else ""
            print(f"{event.step}: {event.text or 'starting'}{share} ...", file=self._out, flush=True)


class Bars:
    """One line per step on a terminal, with a bar where the amount is known."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[text]}", style="dim"),
            _Seconds(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if event.step not in self._tasks:
                self._tasks[event.step] = self._progress.add_task(event.step, total=None, text="")
            task = self._tasks[event.step]
        if event.state == "running":
            self._progress.update(task, total=event.total or None, completed=event.amount, text=event.text)
        else:
            text = "" if event.state == "done" else "stopped"
            self._progress.update(task, total=1, completed=int(event.state == "done"), text=text)
            self._progress.stop_task(task)


class JsonLines:
    """Events over a pipe, from the stack in the background to whoever waits in the foreground."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        self.say({"event": asdict(event)})

    def say(self, message: dict[str, object]) -> None:
        with self._lock:
            self._out.write(json.dumps(message) + "\n")
            self._out.flush()


def for_people() -> AbstractContextManager[Report]:
    """Bars where they can be drawn, lines elsewhere."""
    return Bars() if sys.stderr.isatty() else nullcontext(Plain())


class _Seconds(ProgressColumn):
    """How long the step runs or took."""

    max_refresh = 0.1

    def render(self, task: Task) -> Text:
        return Text(f"{task.elapsed or 0:.1f} s", style="cyan")
