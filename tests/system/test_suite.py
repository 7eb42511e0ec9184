"""The suite itself: workers share one Kafka and PostgreSQL, none is left behind, and a red run names what failed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.test_stack_lifecycle import nothing_is_left

pytestmark = pytest.mark.system
REPOSITORY = Path(__file__).parents[2]

WORKERS = """
import json, os, pathlib, time
import pytest

@pytest.mark.parametrize("name", ["stays", "crashes"])
def test_worker(stack, name):
    notes = pathlib.Path(__file__).parent
    note = {"pid": os.getpid(), "home": str(stack.home), "ports": [stack.kafka_port, stack.postgres_port]}
    notes.joinpath(f"{name}.new").write_text(json.dumps(note))
    notes.joinpath(f"{name}.new").rename(notes / f"{name}.json")
    while len(list(notes.glob("*.json"))) < 2:  # each on a worker of its own
        time.sleep(0.02)
    if name == "crashes":
        os._exit(1)
    with stack.postgres.fresh_database() as database:
        assert database.url
"""


def make(folder: Path, code: str, *more: str) -> list[str]:
    """What `make test` says of one file of tests, which is red."""
    (folder / "test_it.py").write_text(code)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    told = [f"PY={sys.executable}", "INSTALLED=", "SELECT=-n 2 -p tests.conftest test_it.py"]
    ran = subprocess.run(
        ["make", "-f", REPOSITORY / "Makefile", "test", *told, *more],
        cwd=folder,
        env={**{k: v for k, v in os.environ.items() if not k.startswith("MAKE")}, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ran.returncode == 2, ran.stdout
    return ran.stdout.splitlines()


def test_workers_share_one_stack_and_a_crash_leaves_none(tmp_path: Path) -> None:
    said = make(tmp_path, WORKERS)
    stays, crashes = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("stays", "crashes"))
    assert stays["pid"] != crashes["pid"]
    assert (stays["home"], stays["ports"]) == (crashes["home"], crashes["ports"])
    assert "1 failed" in said[-1] and said[-1].endswith(": test_it.py::test_worker[crashes].  Stop."), said
    nothing_is_left(Path(stays["home"]), ports=stays["ports"])
    assert not Path(stays["home"]).exists()


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("def test_a(): pass\ndef test_b(): assert False\ndef test_c(no_such_fixture): pass", ["test_b", "test_c"]),
        ("import no_such_module", [""]),
    ],
)
def test_the_last_line_of_a_red_run_names_what_failed(tmp_path: Path, code: str, names: list[str]) -> None:
    said = make(tmp_path, code)
    assert f"{len(names)} failed: " in said[-1], said
    assert set(said[-1].split("failed: ")[1].removesuffix(".  Stop.").split()) == {
        f"test_it.py::{name}".removesuffix("::") for name in names
    }
    assert any("slowest" in line for line in said) or "import" in code
