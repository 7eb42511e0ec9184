"""The queue loses nothing, numbers without gaps and never changes what it stored, wherever the process dies."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from counter import Counter, Kept
from counter.csv_import import Row
from tests.unit.counter.support import Office, killed, new_counter, nik, numbers, readable, recording, select, values

Step = Callable[[], None]


def before_every_statement(counter: Counter, step: Step) -> None:
    """SQLite tells each statement before it runs it."""
    counter.queue._db.set_trace_callback(lambda _statement: step())


def sound(counter: Counter) -> None:
    assert select(counter, "PRAGMA integrity_check") == [("ok",)]
    assert numbers(counter) == list(range(1, len(numbers(counter)) + 1))


def submission_id(number: int) -> str:
    return f"0191f0e0-7b1c-7d3e-8f00-{number:012d}"


async def test_killed_before_any_statement_nothing_that_was_told_is_lost(tmp_path: Path, office: Office) -> None:
    step, survived = 0, False
    while not survived:
        step += 1
        home, told = tmp_path / f"home{step}", tmp_path / f"told{step}"
        (await new_counter(home, office)).close()

        def record_three(count: Step, home: Path = home, told: Path = told) -> None:
            with Counter.open(home) as counter, told.open("a") as file:
                before_every_statement(counter, count)
                for number in (1, 2, 3):
                    counter.record(recording(number, submission_id=submission_id(number)))
                    file.write(f"{number}\n")
                    file.flush()
                    count()

        survived = not killed(record_three, step)
        with Counter.open(home) as counter:
            stored, confirmed = values(counter), len(told.read_text().split()) if told.exists() else 0
            sound(counter)
            assert len(stored) >= confirmed, "a recording that was told to be stored is gone"
            assert not readable(home, nik(1), nik(2), nik(3), "2007-01-31")
            again = [counter.record(recording(n, submission_id=submission_id(n))) for n in (1, 2, 3)]
            assert [one.device_seq for one in again] == [1, 2, 3]
            assert [one.new for one in again] == [n > len(stored) for n in (1, 2, 3)]
            assert values(counter)[: len(stored)] == stored, "what was stored has changed"
            assert [office.open(value).nik for value in values(counter)] == [nik(1), nik(2), nik(3)]
            sound(counter)
    assert step > 15, "it did not die at every step"


async def test_an_import_killed_before_any_statement_is_finished_by_the_next(tmp_path: Path, office: Office) -> None:
    rows = [Row(number + 1, recording(number)) for number in (1, 2, 3, 4)]
    step, survived = 0, False
    while not survived:
        step += 1
        home = tmp_path / f"home{step}"
        (await new_counter(home, office)).close()

        def import_all(count: Step, home: Path = home) -> None:
            with Counter.open(home) as counter:
                before_every_statement(counter, count)
                list(counter.import_rows(rows))

        survived = not killed(import_all, step)
        with Counter.open(home) as counter:
            stored = values(counter)
            assert not readable(home, *(nik(n) for n in (1, 2, 3, 4)), "2007-01-31")
            results = [one.result for one in counter.import_rows(rows)]
            assert results.count("already stored") == len(stored)
            assert values(counter)[: len(stored)] == stored
            assert sorted(office.open(value).nik for value in values(counter)) == [nik(n) for n in (1, 2, 3, 4)]
            sound(counter)
    assert step > 8


async def test_a_set_up_killed_anywhere_is_finished_by_the_next(
    tmp_path: Path, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, survived = 0, False
    while not survived:
        step += 1
        home = tmp_path / f"home{step}"

        def set_up(count: Step, home: Path = home) -> None:
            replace, mkdir, connect = Path.replace, Path.mkdir, sqlite3.connect
            monkeypatch.setattr(Path, "replace", lambda *a: (count(), replace(*a), count())[1])
            monkeypatch.setattr(Path, "mkdir", lambda *a, **k: (count(), mkdir(*a, **k))[1])
            monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: (count(), connect(*a, **k))[1])
            asyncio.run(new_counter(home, office)).close()

        survived = not killed_with_own_loop(set_up, step)
        devices = len(office.devices)
        had_key = (home / "device.key").exists()
        with await new_counter(home, office) as counter:
            assert counter.record(recording()).device_seq == 1
        assert (len(office.devices) == devices) == had_key, "a key that was stored is used again"
    assert step > 7


def killed_with_own_loop(work: Callable[[Step], None], step: int) -> bool:
    """The child of a running event loop must not believe that this loop is its own."""

    def without_loop(count: Step) -> None:
        asyncio.events._set_running_loop(None)
        work(count)

    return killed(without_loop, step)


def test_two_processes_recording_at_once_share_the_numbers(home: Path, office: Office, counter: Counter) -> None:
    children = []
    for child in range(2):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                with Counter.open(home) as own:
                    for number in range(50):
                        own.record(recording(1 + child * 50 + number))
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]
    sound(counter)
    assert sorted(office.open(value).nik for value in values(counter)) == [nik(n) for n in range(1, 101)]


def test_it_is_as_durable_as_sqlite_can(counter: Counter) -> None:
    assert select(counter, "PRAGMA journal_mode") == [("wal",)]
    assert select(counter, "PRAGMA synchronous") == [(2,)], "FULL"


def test_the_same_submission_again_stores_nothing(counter: Counter) -> None:
    one = recording(submission_id=submission_id(1))
    first, second = counter.record(one), counter.record(one)
    assert second == Kept(first.submission_id, first.device_seq, new=False)
    assert len(values(counter)) == 1


def test_a_lower_revision_and_an_unknown_submission_decide_nothing(counter: Counter) -> None:
    kept = counter.record(recording())
    decision = {"submission_id": kept.submission_id, "outcome": "counted", "reason": None, "known_at": "t"}

    def decide(revision: int, **changes: str) -> int:
        return counter.queue.decide([{**decision, "revision": revision, **changes}], str(revision))

    assert decide(2) == 1
    assert decide(2, outcome="held") == 0
    assert decide(1, outcome="held") == 0
    assert decide(3, submission_id="another") == 0
    assert dict(counter.status().outcomes) == {"counted": 1}
    assert counter.queue.decisions_cursor() == "3"
