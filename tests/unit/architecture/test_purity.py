"""What no import rule sees: a rules.py that asks the clock, opens a file or throws dice; a contract with new needs."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
QUESTIONS = (
    ROOT / "services/reporting/src/reporting/questions"
)  # all are rules, but for those that read the database or the clock, or wait
READERS = {QUESTIONS / f"{name}.py" for name in ("__init__", "asked", "late", "reading", "turns", "view")}
NAMED = {path for name in ("rules", "constraints") for path in ROOT.glob(f"services/*/src/**/{name}.py")}
RULES = sorted({*NAMED, *QUESTIONS.glob("*.py")} - READERS)
CONTRACTS = sorted(ROOT.glob("packages/contracts/src/contracts/*.py"))
# datetime is allowed for its types; these ask the clock, or are new at every call.
IMPURE_MEMBERS = {"now", "today", "utcnow", "uuid1", "uuid4", "uuid6", "uuid7", "read_text", "write_text"}
IMPURE_NAMES = {"open", "print", "input", "exec", "eval", "__import__", "uuid1", "uuid4", "uuid6", "uuid7"}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def impurities(source: str) -> Iterator[str]:
    """Lines that do more than compute. A reference counts as a call: it may be one later."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in IMPURE_MEMBERS:
            yield f"line {node.lineno}: .{node.attr}"
        elif isinstance(node, ast.Name) and node.id in IMPURE_NAMES:
            yield f"line {node.lineno}: {node.id}"
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await):
            yield f"line {node.lineno}: waits"
        elif isinstance(node, ast.Global):
            yield f"line {node.lineno}: global"


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or ".").partition(".")[0]


def test_there_are_rules_in_every_service() -> None:
    assert {path.relative_to(ROOT).parts[1] for path in RULES} == {"enrollment", "scheduling", "reporting"}


@pytest.mark.parametrize("path", RULES, ids=relative)
def test_rules_only_compute(path: Path) -> None:
    assert list(impurities(path.read_text())) == []


@pytest.mark.parametrize(
    "planted",
    [
        "known_at = datetime.now(UTC)",
        "day = date.today()",
        "@dataclass\nclass A:\n    at: datetime = field(default_factory=datetime.utcnow)",
        "person_id = uuid4()",
        "person_id = uuid.uuid7()",
        "text = open('/etc/hostname').read()",
        "print(coverage)",
        "async def decide(): ...",
        "def decide():\n    global LAST",
    ],
)
def test_what_is_planted_is_found(planted: str) -> None:
    assert list(impurities(planted))


def test_what_only_computes_passes() -> None:
    source = (
        "def due(known_at: datetime, today: date) -> bool:\n    return known_at.date() <= today + timedelta(days=1)"
    )
    assert list(impurities(source)) == []


@pytest.mark.parametrize("path", CONTRACTS, ids=relative)
def test_contracts_need_python_and_pydantic_alone(path: Path) -> None:
    """The list in pyproject.toml names what must not come in; this one says what may."""
    assert not set(imported(path.read_text())) - sys.stdlib_module_names - {"contracts", "pydantic", "pydantic_core"}


def test_another_need_is_found() -> None:
    assert set(imported("from pydantic import Field\nimport httpx.api")) - {"pydantic"} == {"httpx"}
