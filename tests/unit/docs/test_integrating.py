"""docs/integrating.md explains every word that programs meet, and no other; its bytes are the golden example's."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from chassis.problems import ALL
from contracts import golden
from contracts.decisions import Outcome
from contracts.generate import HOME
from contracts.submissions import Identity, RecordingSubmitted, sealing_info
from enrollment.persons.rules import Cause as CauseOfRecording
from enrollment.persons.rules import HeldReason, Reason, UnidentifiedReason
from enrollment.submissions.authenticate import UnauthenticatedReason
from scheduling.refusal import Reason as Refusal

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/integrating.md").read_text()
EXACTLY_ONCE = ROOT / "packages/exactly_once/src"
ENROLLMENT = ROOT / "services/enrollment/src"
SCHEDULING = ROOT / "services/scheduling/src"


def rows(heading: str) -> dict[str, list[str]]:
    """The table below a heading: the word in each row's first cell, and the cells behind it."""
    section = re.split(r"^#+ ", PAGE.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {row[0].strip("`"): row[1:] for row in cells[2:]}


def words(of: Any) -> set[str]:
    """The members of a Literal, or of a union of Literals."""
    return {word for one in get_args(of) for word in ([one] if isinstance(one, str) else words(one))}


def said(folder: Path, *functions: str) -> set[str]:
    """The constants that calls of these functions in a folder's code are given as a reason."""
    return {word for file in folder.rglob("*.py") for word in _said(ast.parse(file.read_text()), functions)}


def _said(tree: ast.Module, functions: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(tree):
        name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name in functions:
            named = [keyword.value for keyword in node.keywords if keyword.arg == "reason"]
            for value in [*node.args[:2], *named]:
                if isinstance(value, ast.Constant) and re.fullmatch("[a-z_]+", str(value.value)):
                    yield str(value.value)


DEAD = words(UnauthenticatedReason) | said(EXACTLY_ONCE, "Undecodable", "Fault") | said(ENROLLMENT, "reject")
REFUSALS = words(Refusal) | said(SCHEDULING, "Problem")


@pytest.mark.parametrize(
    ("heading", "in_the_code"),
    [
        ("Outcomes", words(Outcome)),
        ("Reasons", words(Reason)),
        ("Causes", words(CauseOfRecording)),
        ("Dead letters", DEAD),
        ("Problems", {kind.type for kind in ALL}),
        ("Refusals by scheduling", REFUSALS),
    ],
)
def test_every_word_is_explained(heading: str, in_the_code: set[str]) -> None:
    assert set(rows(heading)) == in_the_code


def test_the_search_finds_what_is_said() -> None:
    assert {"tombstone", "wrong_field", "refused", "submission_conflict"} <= DEAD
    assert {"unknown_visit", "set_taken"} <= REFUSALS


def test_outcomes_and_statuses_are_as_the_code_has_them() -> None:
    outcomes = {word: cells[0] for word, cells in rows("Reasons").items()}
    assert {word for word, outcome in outcomes.items() if outcome == "held"} == words(HeldReason)
    assert {word for word, outcome in outcomes.items() if outcome == "rejected"} == words(UnidentifiedReason) | {
        "voided"
    }
    assert {word: cells[0] for word, cells in rows("Problems").items()} == {kind.type: str(kind.status) for kind in ALL}


def test_the_bytes_are_those_of_the_golden_example() -> None:
    event = golden.read(HOME / "examples" / f"{RecordingSubmitted.type}.json").event
    assert isinstance(event, RecordingSubmitted)
    info = sealing_info(event.campaign, event.submission_id, event.device_id).decode()
    assert f"has the `info` `{info}`" in PAGE
    plaintext = rows("Sealing")["plaintext"][0].split("`")[1]
    assert Identity.model_validate_json(plaintext).model_dump_json() == plaintext


def test_the_readme_leads_here() -> None:
    assert "(docs/integrating.md)" in (ROOT / "README.md").read_text()
