"""What the README shows is what its files say, and works as written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from stack import LocalStack

ROOT = Path(__file__).parents[2]


def test_the_snippet_in_the_readme_is_the_file() -> None:
    snippet = (ROOT / "docs/snippets/own_campaign.py").read_text()
    shown = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown
    for part in shown:
        assert part in snippet


def test_every_command_in_the_readme_is_one_of_make(tmp_path: Path) -> None:
    known = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert named
    assert {name for name in named if f"make {name} " not in known} == set()


def test_every_link_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def test_a_campaign_of_ones_own(system: LocalStack, tmp_path: Path) -> None:
    local = tmp_path / ".local"
    local.mkdir()
    (local / "stack.env").write_text(system.home.env_file.read_text())
    done = subprocess.run(
        [sys.executable, ROOT / "docs/snippets/own_campaign.py"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 of 2 recorded (50%), 1 to go\n"
