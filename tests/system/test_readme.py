"""What the README shows is what its files say, and works as written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stack import LocalStack

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("page", "language", "file"),
    [
        ("README.md", "python", "own_campaign.py"),
        ("README.md", "sh", "counter.sh"),
        ("docs/apis.md", "sh", "curl.sh"),
    ],
)
def test_the_snippet_on_the_page_is_the_file(page: str, language: str, file: str) -> None:
    snippet = (ROOT / "docs/snippets" / file).read_text()
    shown = re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
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


@pytest.mark.system
@pytest.mark.xdist_group("system")
def test_a_campaign_of_ones_own_and_the_counter_by_hand(system: LocalStack, tmp_path: Path) -> None:
    local = tmp_path / ".local"
    local.mkdir()
    (local / "stack.env").write_text(system.home.env_file.read_text())

    def run(*command: str | Path) -> str:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run(sys.executable, ROOT / "docs/snippets/own_campaign.py") == "1 of 2 recorded (50%), 1 to go\n"
    said = run("sh", ROOT / "docs/snippets/counter.sh")
    assert re.search(r"stored\W+1\b", said) and re.search(r"sent now\W+2\b", said), said
    by_hand = run("sh", ROOT / "docs/snippets/curl.sh")
    assert '"recorded":' in by_hand and "day,recorded,cumulative" in by_hand and '"scope":"outside"' in by_hand
    assert [path.name for path in tmp_path.iterdir()] == [".local"], "`make down` removes it with all that is in it"
    assert " recorded (" in run(sys.executable, ROOT / "docs/snippets/own_campaign.py")
    assert re.search(r"sent now\W+[12]\b", run("sh", ROOT / "docs/snippets/counter.sh"))
