"""The command line as an operator and a script meet it: words, exit codes, and nobody's NIK."""

import csv
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from counter import Counter
from counter.client import ONLY_REPLAYED
from counter.indonesian import beside
from tests.unit.counter.support import CAMPAIGN, HEADER, Office, csv_line, nik, numbers, readable, select, values

Run = Callable[..., subprocess.CompletedProcess[str]]
SET_UP = ["--campaign", CAMPAIGN, "--kind", "mpp", "--place", "MPP Merdeka"]
WHO = ["--nik", nik(1), "--birth-date", "2007-01-31"]


@pytest.fixture
def run(home: Path) -> Run:
    environment = {k: v for k, v in os.environ.items() if k not in ("KAFKA_BOOTSTRAP_SERVERS", "ENROLLMENT_URL")}

    def run(verb: str, *arguments: str | Path, code: int = 0, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "counter", verb, "--home", str(home), *map(str, arguments)]
        done = subprocess.run(
            command, input=typed, capture_output=True, text=True, timeout=60, check=False, env=environment
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert nik(1) not in done.stdout + done.stderr and "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def ready(run: Run, office: Office) -> None:
    run("init", "--enrollment", office.url, *SET_UP)


def test_set_up_says_which_device_it_is(run: Run, office: Office) -> None:
    done = run("init", "--enrollment", office.url, *SET_UP)
    (device_id,) = office.devices
    assert done.stdout == f"Siap / ready: {device_id} · {CAMPAIGN} · mpp · MPP Merdeka\n"
    assert "no address of Kafka yet" in done.stderr
    assert office.devices[device_id].keys() == {"device_id", "campaign", "kind", "place", "public_key"}
    run("init", "--enrollment", office.url, *SET_UP)
    refused = run("init", "--enrollment", office.url, *SET_UP[:-1], "Aula", code=78)
    assert "another place" in refused.stderr


def test_enrollment_out_of_reach_is_one_line_and_78(run: Run, home: Path) -> None:
    done = run("init", "--enrollment", "http://127.0.0.1:1", *SET_UP, code=78)
    assert done.stderr.startswith("enrollment tidak menjawab di http://127.0.0.1:1") and done.stderr.count("\n") == 1
    assert " / enrollment does not answer at http://127.0.0.1:1" in done.stderr
    assert not home.exists()


@pytest.mark.parametrize(
    "command", [["record", *WHO], ["import", "x.csv"], ["send"], ["status"], ["status", "--json"], ["close-session"]]
)
def test_every_verb_without_a_counter_is_78(run: Run, command: list[str]) -> None:
    done = run(*command, code=78)
    assert "is not a counter yet: run `counter init" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [[nik(1)], ["--nic", nik(1)], [f"--{nik(1)}"], ["--nik"]])
def test_a_wrong_command_line_repeats_no_nik(run: Run, ready: None, arguments: list[str]) -> None:
    assert run("record", *arguments, code=2).stderr


@pytest.mark.usefixtures("ready")
def test_record(run: Run, home: Path, office: Office) -> None:
    done = run("record", *WHO, "--group", "npsn:20533456", "--married")
    assert done.stdout.startswith("tersimpan di sini / stored here: no. 1 · ")
    asked = run("record", typed=f"{nik(2)}\n2007-01-31\n")
    assert asked.stdout.startswith("tersimpan di sini / stored here: no. 2 · ")
    with Counter.open(home) as counter:
        first, second = (office.open(value) for value in values(counter))
    assert (first.nik, first.married, second.nik) == (nik(1), True, nik(2))
    assert readable(home, nik(1), nik(2), "2007-01-31") == []


@pytest.mark.usefixtures("ready")
def test_record_again_with_an_id_of_ones_own(run: Run) -> None:
    own = ["--submission-id", "0191f0e0-7b1c-7d3e-8f00-0123456789ab", "--recorded-at", "2024-09-19T08:00:00+07:00"]
    run("record", *WHO, *own)
    assert run("record", *WHO, *own).stdout.startswith("sudah tersimpan / already stored: no. 1 · ")
    refused = run("record", *WHO, *own, "--married", code=1)
    assert "ditolak / refused: submission_id sudah tersimpan dengan isi lain" in refused.stderr


@pytest.mark.usefixtures("ready")
def test_a_refused_recording_names_its_columns(run: Run, home: Path) -> None:
    done = run("record", "--nik", nik(1)[:-1], "--birth-date", "31-1-2007", "--recorded-at", "kemarin", code=1)
    assert done.stderr.splitlines() == [
        f"ditolak / refused: nik {beside('has 15 digits, a NIK has 16')}",
        f"ditolak / refused: birth_date {beside('must be written year-month-day, as 2001-12-30')}",
        "ditolak / refused: recorded_at "
        + beside("must be date, time and offset, as 2024-09-19T08:00:00+07:00 (+07:00 is WIB)"),
    ]
    with Counter.open(home) as counter:
        assert numbers(counter) == []


def test_an_instant_of_replay_in_a_live_campaign_is_refused(run: Run, office: Office, tmp_path: Path) -> None:
    office.clock = "live"
    run("init", "--enrollment", office.url, *SET_UP)
    at, file = "2024-09-20T00:00:00+07:00", tmp_path / "file.csv"
    said = f"ditolak / refused: {ONLY_REPLAYED}\n"
    assert run("record", *WHO, "--replayed-at", at, code=1).stderr == said
    run("record", *WHO)
    assert run("close-session", "--replayed-at", at, code=1).stderr == said
    file.write_text(f"{HEADER},replayed_at\n{csv_line(2)},{at}\n{csv_line(3)},\n")
    assert "baris / row 2: replayed_at hanya untuk program peragaan" in run("import", file, code=1).stderr
    assert json.loads(run("status", "--json").stdout)["total"] == 2


@pytest.mark.usefixtures("ready")
def test_import_answers_every_row_and_may_be_repeated(run: Run, home: Path, tmp_path: Path) -> None:
    file, results = tmp_path / "file.csv", tmp_path / "results.csv"
    file.write_text("\n".join([HEADER, csv_line(1), csv_line(2, nik="3,57E+15"), "", csv_line(3)]))
    done = run("import", file, "--results", results, code=1)
    assert "baris / row 3: row berisi 5 kolom padahal judulnya 4" in done.stderr
    table = list(csv.DictReader(results.open()))
    assert [(row["row"], row["result"]) for row in table] == [("2", "stored"), ("3", "refused"), ("5", "stored")]
    assert nik(1) not in results.read_text() and "2007-01-31" not in results.read_text()
    file.write_text("\n".join([HEADER, csv_line(1), csv_line(2), "", csv_line(3)]))
    again = run("import", file, "--results", results)
    assert again.stderr == ""
    file.write_text("\n".join([HEADER, csv_line(4, nik=nik(4).replace("3101", "3001"))]))
    assert "baris / row 2: periksa: tanggal lahir di NIK lain" in run("import", file).stderr
    assert [row["result"] for row in csv.DictReader(results.open())] == ["already stored", "stored", "already stored"]
    assert [line.split("│")[2].strip() for line in again.stdout.splitlines() if "│" in line] == ["1", "2", "0"]
    with Counter.open(home) as counter:
        assert numbers(counter) == [1, 2, 3, 4]


@pytest.mark.usefixtures("ready")
def test_a_file_that_cannot_be_read_stores_nothing(run: Run, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    file.write_bytes(f"{HEADER}\n{csv_line(1)}\nM\xfcller\n".encode("cp1252"))
    assert "is not UTF-8: line 3" in run("import", file, code=1).stderr
    assert "No such file" in run("import", tmp_path / "none.csv", code=1).stderr
    file.write_text(f"{HEADER}\n{csv_line(1)}\n")
    assert "is the import file itself" in run("import", file, "--results", file, code=1).stderr
    assert file.read_text() == f"{HEADER}\n{csv_line(1)}\n"
    with Counter.open(home) as counter:
        assert numbers(counter) == []


@pytest.mark.usefixtures("ready")
def test_status_for_people_and_for_programs(run: Run, office: Office) -> None:
    run("record", *WHO)
    done = run("status", "--json")
    now = json.loads(done.stdout)
    assert (now["total"], now["stored_here"], now["sent"], now["decided"], now["needs_attention"]) == (1, 1, 0, 0, 0)
    assert now["campaign"] == CAMPAIGN and now["device_id"] in office.devices and now["oldest_unsent"]
    shown = run("status").stdout
    assert "MPP Merdeka" in shown and "tersimpan di sini / stored here" in shown


@pytest.mark.usefixtures("ready")
def test_what_the_office_took_back_needs_nobodys_attention(run: Run, home: Path, office: Office) -> None:
    run("record", *WHO)
    with Counter.open(home) as counter:
        ((submission_id,),) = select(counter, "SELECT id FROM message")
    for revision, reason, attention in ((1, "unknown_key", 1), (2, "voided", 0)):
        office.decide(submission_id, "rejected", revision, reason)
        now = json.loads(run("status", "--refresh", "--json").stdout)
        assert (now["needs_attention"], now["decided"], len(now["attention"])) == (attention, 1 - attention, attention)
        assert now["outcomes"] == {"rejected": 1}


@pytest.mark.usefixtures("ready")
def test_a_copied_folder_is_told_to_the_operator(run: Run, office: Office) -> None:
    office.twice = [7, 8]
    said = run("status", "--refresh").stderr
    assert said.startswith("folder loket ini disalin: nomor 7, 8 datang dari keduanya") and " / this counter's" in said
    office.twice = []
    assert json.loads(run("status", "--json").stdout)["numbers_twice"] == [7, 8]


@pytest.mark.usefixtures("ready")
def test_a_clock_that_was_set_back_is_told_at_once(run: Run) -> None:
    def at(recorded_at: str, serial: int) -> str:
        who = ["--nik", nik(serial), "--birth-date", "2007-01-31"]
        return run("record", *who, "--recorded-at", recorded_at).stderr

    assert at("2024-09-19T12:00:00+07:00", 2) == ""
    assert at("2024-09-18T12:00:01+07:00", 3) == "", "less than 24 hours may be a zone"
    told = at("2024-09-15T12:00:01+07:00", 4)
    assert told.startswith("periksa jam alat: ini 3 hari lebih awal dari nomor 2, yang direkam 2024-09-18T12:00+07:00")
    assert at("2024-09-15T12:05:00+07:00", 5) == "", "said once for each time that it was set back"
    assert json.loads(run("status", "--json").stdout)["stored_here"] == 4, "a hint, never a refusal"


@pytest.mark.usefixtures("ready")
def test_an_import_of_old_lists_is_no_clock_set_back(run: Run, home: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    rows = [csv_line(2, recorded_at="2024-08-02T08:00:00+07:00"), csv_line(3, recorded_at="2024-07-01T08:00:00+07:00")]
    old.write_text("\n".join([HEADER, *rows]))
    assert run("record", *WHO, "--recorded-at", "2024-09-19T12:00:00+07:00").stderr == ""
    assert run("import", old).stderr == ""
    back = ["--nik", nik(4), "--birth-date", "2007-01-31", "--recorded-at", "2024-09-16T12:00:00+07:00"]
    assert "3 days earlier than number 1," in run("record", *back).stderr, "compared with what was recorded here"
    with Counter.open(home) as counter:
        assert [json.loads(value).get("imported") for value in values(counter)] == [None, True, True, None]


@pytest.mark.usefixtures("ready")
def test_what_enrollment_lists_of_the_clock_is_told_to_the_operator(run: Run, office: Office) -> None:
    pair = {"device_seq": 2, "recorded_at": "2024-09-16T05:00:00Z", "previous_seq": 1}
    office.set_back = [{**pair, "previous_recorded_at": "2024-09-19T05:00:00Z"}]
    said = run("status", "--refresh").stderr
    assert said.startswith("periksa jam alat: nomor 2 bertanggal 2024-09-16T")
    assert " / check the clock: number 2 is of 2024-09-16T" in said
    assert len(json.loads(run("status", "--json").stdout)["clock_set_back"]) == 1
    office.set_back = []
    assert run("status", "--refresh").stderr == "", "the office has settled it"


def test_a_home_is_closed_to_others_also_where_the_folder_was_there_before(
    run: Run, home: Path, office: Office
) -> None:
    home.mkdir()
    home.chmod(0o755)
    run("init", "--enrollment", office.url, *SET_UP)
    run("record", *WHO)

    def modes() -> dict[str, int]:
        return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.iterdir())}

    assert set(modes().values()) == {0o600, 0o700} and modes().pop(home.name) == 0o700
    (home / "queue.db").chmod(0o644)
    home.chmod(0o755)
    run("status")
    assert set(modes().values()) == {0o600, 0o700}, "one of an earlier version too"
    (home / "notes.txt").touch(0o644)
    home.chmod(0o755)
    run("status")
    assert modes()[home.name] == 0o755, "what is not the counter's alone is left as it is"


@pytest.mark.usefixtures("ready")
def test_decisions_are_read_on_request(run: Run, home: Path, office: Office) -> None:
    run("record", *WHO)
    with Counter.open(home) as counter:
        ((submission_id,),) = select(counter, "SELECT id FROM message")
    office.decide(submission_id, "held", reason="under_age")
    shown = run("status", "--refresh")
    assert "keputusan / decisions: ditahan / held 1" in shown.stdout
    assert f"no. 1 · {submission_id}: held (under_age)" in shown.stderr
    office.refuse = (503, {"title": "Down"})
    away = run("status", "--refresh", code=1)
    assert away.stderr.endswith("answered 503: Down\n") and away.stderr.count("enrollment di ") == 1
    assert "keputusan / decisions: ditahan / held 1" in away.stdout
    assert json.loads(run("status", "--refresh", "--json", code=1).stdout)["outcomes"] == {"held": 1}


@pytest.mark.usefixtures("ready")
def test_an_enrollment_that_gets_ready_is_asked_again_and_it_is_said_when(run: Run, office: Office) -> None:
    office.preparing = 2
    done = run("status", "--refresh")
    said = "enrollment belum siap; yang tersimpan di sini aman, mencoba lagi dalam 1 detik / "
    assert [line.startswith(said) for line in done.stderr.splitlines()] == [True, True]
    office.preparing = 10_000
    done = run("send", "--kafka", "127.0.0.1:1", "--deadline", "0.5")
    assert "keputusan belum terbaca: enrollment di " in done.stderr and "yang tersimpan di sini aman" in done.stderr
    assert "kunci enrollment" not in done.stderr, "those at hand do"


@pytest.mark.usefixtures("ready")
def test_why_a_row_was_refused_is_said_at_once_and_for_all_of_them(run: Run, tmp_path: Path) -> None:
    """The clerk need not import again to learn it: neither of 21 rows nor of more than can be listed."""
    file = tmp_path / "file.csv"
    for bad in (21, 1200):
        file.write_text("\n".join([HEADER, *(csv_line(n, nik="123") for n in range(1, bad + 1))]))
        said = run("import", file, code=1).stderr
        assert said.count("nik berisi 3 digit") == min(bad, 1000) + (bad > 1000)
        assert "baris / row 22: nik berisi 3 digit" in said
    assert "1,200 baris / rows: nik berisi 3 digit, NIK punya 16" in said


@pytest.mark.usefixtures("ready")
def test_send_without_kafka(run: Run, office: Office) -> None:
    run("record", *WHO)
    assert "no address of Kafka" in run("send", code=78).stderr
    for nonsense in ("nonsense:port", "127.0.0.1:70000", "[::1", "http://127.0.0.1:9092", ","):
        done = run("send", "--kafka", nonsense, code=78)
        assert "must be host:port" in done.stderr and done.stderr.count("\n") == 1
        run("init", "--enrollment", office.url, *SET_UP, "--kafka", nonsense, code=78)
    done = run("send", "--kafka", "127.0.0.1:1", "--deadline", "0.5", code=1)
    assert "Kafka does not answer at 127.0.0.1:1" in done.stderr
    assert "nothing is lost, run `counter send` again" in done.stderr
    assert json.loads(run("status", "--json").stdout)["stored_here"] == 1


@pytest.mark.usefixtures("ready")
def test_a_full_or_foreign_disk_is_one_line(run: Run, home: Path) -> None:
    (home / "queue.db").write_bytes(b"this is no database" * 100)
    (home / "queue.db-wal").unlink(missing_ok=True)
    done = run("record", *WHO, code=1)
    line = "nothing half stored: file is not a database"
    assert (
        done.stderr
        == f"tidak dilakukan, tidak ada yang tersimpan setengah: file is not a database / not done, {line}\n"
    )


def interrupted(home: Path, *arguments: str | Path, once: Callable[[], bool]) -> subprocess.Popen[str]:
    """Start a verb, press Ctrl-C once the condition holds, and wait for its end."""
    command = [sys.executable, "-m", "counter", *map(str, arguments), "--home", str(home)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not once():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    return process


@pytest.mark.usefixtures("ready")
def test_ctrl_c_ends_a_send_with_a_true_summary(run: Run, home: Path) -> None:
    run("record", *WHO)

    def tried() -> bool:
        with Counter.open(home) as counter:
            return counter.status().last_error is not None

    process = interrupted(home, "send", "--kafka", "127.0.0.1:1", "--deadline", "600", once=tried)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "dihentikan / interrupted\nKafka tidak menjawab" in err and "Traceback" not in err
    assert "masih di sini / still stored here │ 1 │" in out
    assert json.loads(run("status", "--json").stdout)["stored_here"] == 1


@pytest.mark.usefixtures("ready")
def test_ctrl_c_ends_an_import_with_true_results(run: Run, home: Path, tmp_path: Path) -> None:
    file, results = tmp_path / "file.csv", tmp_path / "results.csv"
    file.write_text("\n".join([HEADER, *(csv_line(n) for n in range(1, 9999))]))
    begun = lambda: results.exists() and results.read_bytes().count(b"\n") > 1  # noqa: E731
    process = interrupted(home, "import", file, "--results", results, once=begun)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "dihentikan / interrupted" in err and "Traceback" not in err
    stored = [row["submission_id"] for row in csv.DictReader(results.open())]
    with Counter.open(home) as counter:
        assert [name for (name,) in select(counter, "SELECT id FROM message ORDER BY seq")] == stored
        assert 0 < len(stored) < 9998


@pytest.mark.timeout(600)  # half a minute on a quiet machine
@pytest.mark.usefixtures("ready")
def test_very_many_rows_in_bounded_memory(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    with file.open("w") as text:
        text.write(HEADER + "\n")
        for n in range(30_000):
            born = date(1990, 1, 1) + timedelta(days=n // 9000)
            text.write(f"{nik(n % 9000 + 1, born)},{born},npsn:20533456,2024-09-19T08:00:00+07:00\n")
    # Its own high-water mark: the one that `wait4` answers includes this process's memory at the time of the fork.
    program = "import atexit, pathlib, runpy, sys; mark = pathlib.Path(sys.argv.pop())\n"
    program += "atexit.register(lambda: mark.write_bytes(pathlib.Path('/proc/self/status').read_bytes()))\n"
    program += "runpy.run_module('counter', run_name='__main__')"
    mark = tmp_path / "status"
    subprocess.run(
        [sys.executable, "-c", program, "import", str(file), "--home", str(home), str(mark)],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    kilobytes = next(int(line.split()[1]) for line in mark.read_text().splitlines() if line.startswith("VmHWM"))
    assert kilobytes < 100 * 1024, f"{kilobytes}: the program alone has 50 MB"
    with Counter.open(home) as counter:
        assert counter.status().stored_here == counter.queue.last_seq() == 30_000


def test_help_names_every_verb() -> None:
    done = subprocess.run([sys.executable, "-m", "counter"], capture_output=True, text=True, timeout=60, check=True)
    for verb in ("init", "record", "import", "send", "status", "close-session"):
        assert f" {verb} " in done.stdout
