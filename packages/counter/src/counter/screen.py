"""What the operator sees: Indonesian first, English beside it, and never who was recorded."""

from collections.abc import Sequence
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from counter.indonesian import beside
from counter.kept import RowResult
from counter.results import Results
from counter.sending import Sending, SendSummary
from counter.status import Status

TWICE: Final = "every recording counts, go on with one folder alone and run `counter init` in a new one for the other"
LISTED: Final = 1000  # rows of an import
_out = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, soft_wrap=True)
OUTCOMES: Final = {"counted": "terhitung", "duplicate": "ganda", "held": "ditahan", "rejected": "ditolak"}


def say(line: str) -> None:
    _out.print(line, markup=False)


def warn(line: str) -> None:
    _err.print(beside(line), markup=False, style="yellow")


def error(line: str) -> None:
    _err.print(beside(line), markup=False, style="red")


def ask(what: str) -> str:
    """A line from the operator; the question goes to the error stream. Raises EOFError when there is none."""
    return _err.input(f"{what}: ", markup=False)


def table(title: str, rows: Sequence[tuple[str, int]]) -> None:
    grid = Table(title=title, show_header=False, title_justify="left")
    grid.add_column()
    grid.add_column(justify="right")
    for words, number in rows:
        grid.add_row(words, f"{number:,}")
    _out.print(grid)


def imported(results: Results) -> None:
    """What became of a file's rows: how many, and every reason once when there were too many rows to list them."""
    table("Hasil impor / result of the import", results.counts())
    if results.reasons.total() > LISTED:
        for reason, rows in results.reasons.most_common():
            warn(f"{rows:,} baris / rows: {reason}")


def noteworthy(row: RowResult, results: Results) -> None:
    """At once, why a row was refused, or should be looked at again."""
    if row.message and (listed := results.reasons.total()) <= LISTED:
        warn(f"baris / row {row.number}: {row.message}")
        if listed == LISTED:
            warn("... berikutnya hanya dihitung / from here on they are counted alone; --results FILE.csv lists all")


def preparing(seconds: float) -> None:
    """That enrollment is asked again, and when; nothing is lost meanwhile."""
    warn(f"enrollment is not ready yet; what is stored here is safe, trying again in {seconds:g} s")


def sent(summary: SendSummary) -> None:
    refused = len(summary.refused)
    rows = [("terkirim / sent now", summary.sent), ("masih di sini / still stored here", summary.left)]
    table("Pengiriman / sending", [*rows, ("ditolak / refused", refused)] if refused else rows)
    for number, why in summary.refused[:20]:
        warn(f"no. {number}: {beside(why)}")
    if summary.left:
        warn("dihentikan / interrupted" if summary.ended == "interrupted" else "belum semua / not all")
        why = f"{summary.error}; " if summary.error else ""
        warn(f"{why}nothing is lost, run `counter send` again")
    for note in summary.notes:
        warn(note)


def show(now: Status) -> None:
    table(
        f"{now.place} · {now.kind} · {now.campaign} · {now.device_id}",
        [
            ("tersimpan di sini / stored here", now.stored_here),
            ("terkirim / sent", now.sent),
            ("diputuskan / decided", now.decided),
            ("perlu perhatian / needs attention", now.needs_attention),
            ("semua / all", now.total),
        ],
    )
    decided(now)
    for item in now.attention[:20]:
        reason = f" ({item.reason})" if item.reason else ""
        warn(f"no. {item.device_seq} · {item.submission_id}: {item.why}{reason}")
    if now.closings_unsent:
        say(f"penutupan sesi belum terkirim / session closings not yet sent: {now.closings_unsent}")
    if now.last_error:
        warn(f"terakhir / last: {beside(now.last_error)}")


def decided(now: Status) -> None:
    """What enrollment has decided so far, in the office's words and the programs'."""
    if now.numbers_twice:
        warn(
            f"this counter's folder was copied: number {', '.join(map(str, now.numbers_twice))} came from both; {TWICE}"
        )
    for each in now.clock_set_back:
        warn(
            f"check the clock: number {each['device_seq']} is of {each['recorded_at']}, number {each['previous_seq']} "
            f"before it of {each['previous_recorded_at']}; both stand as they are, the office can void what is wrong"
        )
    if now.outcomes:
        counts = (f"{OUTCOMES.get(outcome, outcome)} / {outcome} {n:,}" for outcome, n in now.outcomes.items())
        say("keputusan / decisions: " + " · ".join(counts))


class Progress:
    """A bar on the error stream, so that results can be piped; nothing where that is no terminal."""

    def __init__(self, doing: str, total: int | None) -> None:
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[why]}"),
            console=_err,
            transient=True,
            disable=not _err.is_terminal,
        )
        self._task = self._bar.add_task(doing, total=total, why="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def at(self, number: int) -> None:
        self._bar.update(self._task, completed=number)

    def sending(self, now: Sending) -> None:
        self._bar.update(self._task, completed=now.sent, total=now.sent + now.refused + now.left, why=now.waiting_for)
