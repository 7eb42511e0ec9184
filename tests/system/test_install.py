"""A Python integrator installs the counter with the one command of the docs, in an environment that has nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


def test_the_counter_is_installed_by_the_command_of_the_docs(tmp_path: Path) -> None:
    (command,) = re.findall(r"^pip (install .*packages/counter)$", (ROOT / "docs/integrating.md").read_text(), re.M)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "empty"], check=True)
    programs = tmp_path / "empty/bin"
    installed = subprocess.run(
        [programs / "pip", *command.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert installed.returncode == 0, installed.stderr
    for use in (["counter", "--help"], ["python", "-c", "from counter import Counter, Recording"]):
        done = subprocess.run([programs / use[0], *use[1:]], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
