"""The command behind `make contracts` and `make check`, on a copy of the package whose models are changed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.generate import HOME, main

# (file, what is there, what is planted instead, what the command must say)
BROKEN = {
    "property removed": (
        "recordings.py",
        "    cause: Cause\n",
        "",
        "jemputbola.recording-completed.v1 cause: removed",
    ),
    "newly required": (
        "submissions.py",
        "    group: Group | None = None\n",
        "    group: Group | None\n",
        "jemputbola.recording-submitted.v1 group: newly required",
    ),
    "enum narrowed": (
        "visits.py",
        '"scheduled", "cancelled", "completed"',
        '"scheduled", "completed"',
        "jemputbola.visit-scheduled.v1 status: the enum lost cancelled",
    ),
    "pattern narrowed": (
        "types.py",
        'r"[0-9]{8}|P[0-9]{7}"',
        'r"2[0-9]{7}|P[0-9]{7}"',
        "jemputbola.school-listed.v1 npsn: the pattern changed",
    ),
    "maximum lowered": (
        "types.py",
        "ge=0, le=2**31 - 1",
        "ge=0, le=100",
        "jemputbola.target-updated.v1 value: maximum narrowed from 2147483647 to 100",
    ),
    "type removed": (
        "topics.py",
        "VisitRescheduled, VisitCancelled, VisitCompleted),",
        "VisitRescheduled, VisitCancelled),",
        "jemputbola.visit-completed.v1: removed",
    ),
    "type renamed": (
        "decisions.py",
        "submission-decided.v1",
        "submission-decided.v2",
        "jemputbola.submission-decided.v1: removed",
    ),
    "topic removed": (
        "topics.py",
        "SCHOOLS, VISITS, PROGRESS)",
        "SCHOOLS, VISITS)",
        "topic progress: removed",
    ),
    "partitions reduced": (
        "topics.py",
        "    partitions: int = 6\n",
        "    partitions: int = 3\n",
        "topic recordings: partitions reduced from 6 to 3",
    ),
    "kept for a shorter time": (
        "topics.py",
        "timedelta(days=35)",
        "timedelta(days=7)",
        "topic recording-submissions: retention.ms lowered",
    ),
    "key changed": (
        "topics.py",
        'key="person_id"',
        'key="group"',
        "topic recordings: the key changed from person_id to group",
    ),
    "ids derived otherwise": (
        "recordings.py",
        '"person"',
        '"citizen"',
        "type jemputbola.recording-completed.v1: the aggregate changed",
    ),
}


class Copy:
    """A copy of packages/contracts in which models can be changed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        shutil.copytree(HOME, home, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))

    def plant(self, file: str, old: str, new: str) -> None:
        path = self.home / "src" / "contracts" / file
        source = path.read_text()
        assert old in source, f"{file} no longer has {old!r}: bring the test up to date"
        path.write_text(source.replace(old, new, 1))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "contracts.generate", *arguments],
            env={**os.environ, "PYTHONPATH": str(self.home / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    def files(self) -> dict[str, str]:
        return {str(path.relative_to(self.home)): path.read_text() for path in self.home.rglob("*.json")}


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "contracts")


def test_the_committed_files_are_what_the_models_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_fails_the_check_and_cannot_be_regenerated_away(copy: Copy, name: str) -> None:
    file, old, new, expected = BROKEN[name]
    copy.plant(file, old, new)
    before = copy.files()

    check, generate = copy.run("--check"), copy.run()
    shutil.rmtree(copy.home / "schemas")
    without_schemas = copy.run()

    for run in (check, generate, without_schemas):
        assert run.returncode == 1
        assert expected in run.stderr
        assert "Traceback" not in run.stderr
    assert copy.files() == {path: text for path, text in before.items() if not path.startswith("schemas/")}


def test_an_addition_demands_regeneration_and_then_passes(copy: Copy) -> None:
    copy.plant("recordings.py", "    cause: Cause\n", "    cause: Cause\n    room: Label | None = None\n")
    copy.plant("recordings.py", "Kind, Regency, Uuid", "Kind, Label, Regency, Uuid")

    check = copy.run("--check")
    assert check.returncode == 1
    assert (
        "schemas/jemputbola.recording-completed.v1.json: not what the models say; run `make contracts`" in check.stderr
    )
    assert copy.run().returncode == 0
    assert copy.run("--check").returncode == 0
    # What was added is promised from now on.
    copy.plant("recordings.py", "    room: Label | None = None\n", "")
    assert "jemputbola.recording-completed.v1 room: removed" in copy.run().stderr


def test_a_type_without_an_example_and_a_schema_without_a_type_are_told(copy: Copy) -> None:
    (copy.home / "examples" / "jemputbola.visit-completed.v1.json").unlink()
    (copy.home / "schemas" / "jemputbola.old.v1.json").write_text("{}")

    said = copy.run("--check").stderr

    assert "jemputbola.visit-completed.v1: has no golden example" in said
    assert "schemas/jemputbola.old.v1.json: belongs to no type" in said


def test_an_example_changed_by_hand_is_told(copy: Copy) -> None:
    path = copy.home / "examples" / "jemputbola.visit-completed.v1.json"
    path.write_text(path.read_text().replace('"absent": 21', '"absent": 22'))
    assert "visit-completed.v1.json: not what the models say" in copy.run("--check").stderr

    path.write_text(path.read_text().replace('"absent": 22', '"absent": "3573990101070001"'))
    said = copy.run("--check").stderr
    assert "jemputbola.visit-completed.v1.json: missed.absent: Input should be a valid integer" in said
    assert "3573990101070001" not in said


def test_a_lost_memory_is_told(copy: Copy) -> None:
    (copy.home / "released.json").unlink()
    assert "released.json: not what the models say" in copy.run("--check").stderr
