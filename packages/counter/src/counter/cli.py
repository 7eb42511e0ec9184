"""The command line: `counter init | record | import | send | status | close-session`.

Exit codes: 0 done, 1 some of it was refused or is still waiting, 78 not set up, 2 the command line itself is wrong.
"""

import asyncio
import json
import logging
import os
import re
import sqlite3
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from counter import columns, screen
from counter.client import ANOTHER_BIRTH_DATE, Counter
from counter.csv_import import open_csv
from counter.errors import CounterError, EnrollmentPreparing, EnrollmentUnavailable, RecordingRefused
from counter.interrupt import Interrupt, until_interrupted
from counter.results import Results
from counter.sending import SendSummary

app = typer.Typer(
    help="Loket perekaman: menyimpan tersegel, mengirim. / A recording counter: keeps sealed, sends.",
    add_completion=False,
    # A traceback with its local variables would show who was recorded.
    pretty_exceptions_enable=False,
)

HomeOption = Annotated[Path, typer.Option("--home", metavar="DIR", help="The folder of this counter.")]
KafkaOption = Annotated[
    str | None, typer.Option(metavar="SERVERS", help="Address of Kafka; else KAFKA_BOOTSTRAP_SERVERS, else as at init.")
]
EnrollmentOption = Annotated[
    str | None, typer.Option(envvar="ENROLLMENT_URL", help="When enrollment is no longer where it was at init.")
]
DeadlineOption = Annotated[float, typer.Option(min=0, help="Give up after this many seconds without a confirmation.")]


@app.command()
def init(
    home: HomeOption,
    campaign: Annotated[str, typer.Option(help="As malang-2024.")],
    enrollment: Annotated[str, typer.Option(envvar="ENROLLMENT_URL", help="Address of enrollment.")],
    kind: Annotated[str, typer.Option(help="mpp, office, school_visit, special_event, ...")],
    place: Annotated[str, typer.Option(help='As "MPP Merdeka".')],
    kafka: KafkaOption = None,
    token: Annotated[str | None, typer.Option(envvar="TOKEN", help="An administrator's; it is not kept.")] = None,
    code: Annotated[str | None, typer.Option(help="Instead of a token: a one-time code from an administrator.")] = None,
) -> None:
    """Siapkan loket / set up a counter: makes its key, registers it, fetches the keys to seal to."""
    made = Counter.init(
        home, campaign=campaign, enrollment=enrollment, kind=kind, place=place, kafka=kafka, token=token, code=code
    )  # fmt: skip
    with asyncio.run(made) as counter:
        screen.say(f"Siap / ready: {counter.device_id} · {campaign} · {kind} · {place}")
        if not (counter.setup.kafka or os.environ.get("KAFKA_BOOTSTRAP_SERVERS")):
            screen.warn("alamat Kafka belum ada / no address of Kafka yet: `send` will want --kafka")


@app.command()
def record(
    home: HomeOption,
    nik: Annotated[str | None, typer.Option(help="Asked for when left out, which keeps it out of histories.")] = None,
    birth_date: Annotated[str | None, typer.Option(help="As 2001-12-30. Asked for when left out.")] = None,
    group: Annotated[str, typer.Option(help="npsn:<8 digits, or P and 7>, outside or outside:<label>.")] = "",
    recorded_at: Annotated[str, typer.Option(help="As 2024-09-19T08:00:00+07:00; now when left out.")] = "",
    married: Annotated[bool, typer.Option("--married")] = False,
    domicile_regency: Annotated[str, typer.Option(help="As 35.73.")] = "",
    kind: Annotated[str, typer.Option(help="When another than the counter's.")] = "",
    place: Annotated[str, typer.Option(help="When another than the counter's.")] = "",
    session_id: Annotated[str, typer.Option(help="When another than the counter's open session.")] = "",
    family_card: Annotated[bool, typer.Option("--family-card", help="A copy was handed in.")] = False,
    birth_certificate: Annotated[bool, typer.Option("--birth-certificate", help="A copy was handed in.")] = False,
    submission_id: Annotated[str, typer.Option(help="To repeat safely: a UUID of your own.")] = "",
    replayed_at: Annotated[str, typer.Option(help="Replayed campaigns only: when it is taken to have arrived.")] = "",
) -> None:
    """Rekam satu orang / store one recording."""
    with Counter.open(home) as counter:
        recording = columns.recording(
            {
                "nik": screen.ask("NIK") if nik is None else nik,
                "birth_date": screen.ask("Tanggal lahir / birth date, YYYY-MM-DD")
                if birth_date is None
                else birth_date,
                "group": group,
                "recorded_at": recorded_at or datetime.now(UTC).astimezone().isoformat(timespec="milliseconds"),
                "married": str(married),
                "domicile_regency": domicile_regency,
                "kind": kind,
                "place": place,
                "session_id": session_id,
                "family_card": str(family_card),
                "birth_certificate": str(birth_certificate),
                "submission_id": submission_id,
                "replayed_at": replayed_at,
            }
        )
        kept = counter.record(recording)
    word = "tersimpan di sini / stored here" if kept.new else "sudah tersimpan / already stored"
    screen.say(f"{word}: no. {kept.device_seq} · {kept.submission_id}")
    if recording.nik_disagrees:
        screen.warn(ANOTHER_BIRTH_DATE)
    if kept.hint:
        screen.warn(kept.hint)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", show_default=False)],
    home: HomeOption,
    results: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write the result of every row.")] = None,
) -> None:
    """Impor berkas CSV / store every row of a file; safe to repeat.

    The first line names the columns: nik,birth_date,group,recorded_at and, if wanted, married, domicile_regency, kind,
    place, session_id, family_card, birth_certificate, submission_id, replayed_at. A row is as
    3573990101070001,2007-01-01,npsn:20599901,2026-11-25T08:30:00+07:00
    """
    with Counter.open(home) as counter, Interrupt() as interrupt:
        source = open_csv(file)
        for note in source.notes:
            screen.warn(note)
        with Results.to(results, source.path) as outcome, screen.Progress("impor / import", source.lines) as progress:
            try:
                for result in counter.import_rows(interrupt.stops(source.rows())):
                    outcome.add(result)
                    screen.noteworthy(result, outcome)
                    progress.at(result.number)
            finally:
                screen.imported(outcome)
        if interrupt.happened:
            screen.warn("dihentikan / interrupted: the rows after these were not stored; import the same file again")
    if interrupt.happened or outcome.refused:
        raise typer.Exit(1)


@app.command()
def send(
    home: HomeOption,
    kafka: KafkaOption = None,
    deadline: DeadlineOption = 60.0,
    enrollment: EnrollmentOption = None,
) -> None:
    """Kirim / send all that waits, then read back what was decided."""
    with Counter.open(home, enrollment=enrollment) as counter:
        _send(counter, kafka, deadline)


@app.command()
def status(
    home: HomeOption,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask enrollment first what it decided.")] = False,
    enrollment: EnrollmentOption = None,
) -> None:
    """Keadaan / how many are stored here, sent, decided, in need of attention."""
    with Counter.open(home, enrollment=enrollment) as counter:
        unavailable = None
        try:
            if refresh:
                _read_decisions(counter)
        except EnrollmentUnavailable as error:
            unavailable = error
        now = counter.status()
    if as_json:
        typer.echo(json.dumps(asdict(now), ensure_ascii=False, indent=2))
    else:
        screen.show(now)
    if unavailable:
        raise unavailable


@app.command("close-session")
def close_session(
    home: HomeOption,
    session_id: Annotated[str | None, typer.Option(help="Another than the open one.")] = None,
    replayed_at: Annotated[str, typer.Option(help="Replayed campaigns only.")] = "",
    kafka: KafkaOption = None,
    deadline: DeadlineOption = 60.0,
    enrollment: EnrollmentOption = None,
) -> None:
    """Tutup sesi / close the session and send how many it has."""
    try:
        at = columns.instant(replayed_at) if replayed_at else None
    except ValueError as error:
        raise CounterError(f"--replayed-at {error}") from None
    with Counter.open(home, enrollment=enrollment) as counter:
        closed = counter.close_session(session_id, closed_at=at, replayed_at=at)
        if closed is None:
            screen.say("tidak ada sesi terbuka / no session is open: nothing was recorded since the last was closed")
        else:
            screen.say(f"sesi ditutup / session closed: {closed[0]} · {closed[1]}")
        _send(counter, kafka, deadline)


def _send(counter: Counter, kafka: str | None, deadline: float) -> None:
    with screen.Progress("kirim / send", None) as progress:
        summary: SendSummary = until_interrupted(
            lambda stop: counter.send(progress=progress.sending, deadline=deadline, stop=stop, kafka=kafka)
        )
    try:
        if summary.ended != "interrupted":
            _read_decisions(counter)
    except EnrollmentUnavailable as error:
        summary.notes.append(f"decisions were not read: {error}")
    finally:
        screen.sent(summary)
    screen.decided(counter.status())
    if not summary.complete:
        raise typer.Exit(1)


def _read_decisions(counter: Counter) -> None:
    """Again while enrollment gets ready, and it is said when."""
    patience = time.monotonic() + PATIENCE
    while True:
        try:
            asyncio.run(counter.refresh_decisions())
            return
        except EnrollmentPreparing as error:
            if time.monotonic() + error.seconds > patience:
                raise
            screen.preparing(error.seconds)
            time.sleep(error.seconds)


USAGE: Final = 2
PATIENCE: Final = 20.0  # seconds for an enrollment that gets ready
_DIGITS: Final = re.compile(r"[0-9]{6,}")


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Whatever goes wrong is one line without personal data."""
    # The client reports each attempt; what matters of it is in the summary.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return int(app(list(arguments) or ["--help"], prog_name="counter", standalone_mode=False) or 0)
    except typer.TyperException as error:  # the command line itself; it may quote what was typed
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        screen.error(_DIGITS.sub("…", message))
        return USAGE
    except (typer.Abort, KeyboardInterrupt, EOFError):
        screen.error("dihentikan / interrupted")
        return 1
    except RecordingRefused as error:
        for field_error in error.errors:
            screen.error(f"ditolak / refused: {field_error}")
        return error.exit_code
    except CounterError as error:
        screen.error(str(error))
        return error.exit_code
    except (sqlite3.Error, OSError) as error:
        # SQLite and the system name the trouble (disk full, read-only, locked), never the data.
        screen.error(f"not done, nothing half stored: {getattr(error, 'strerror', None) or error}")
        return 1


def main() -> None:
    sys.exit(run(sys.argv[1:]))
