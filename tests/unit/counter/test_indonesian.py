"""Every error of the counter is said in Indonesian first, the English beside it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import counter
from counter.errors import FieldError
from counter.indonesian import WORDS, beside

PACKAGE = Path(counter.__file__).parent
RAISED = {"CounterError": 0, "NotSetUp": 0, "Busy": 0, "EnrollmentUnavailable": 0, "ValueError": 0}
MADE = {"FieldError": 1, "Outcome": 1, "_by_contract": 1, "_refused": 2}
INSIDE = {"seal.py"}  # its ValueError is caught and said in other words


def text(node: ast.expr) -> str | None:
    """A message as the code has it, with something in the place of what it names."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return None


def messages(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            at = {**RAISED, **MADE}.get(node.func.id)
            if at is not None and len(node.args) > at and (message := text(node.args[at])):
                yield message
        if isinstance(node, ast.FunctionDef) and node.name.endswith(("_problem", "_explain")):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return) and inner.value is not None:
                    branches = [inner.value.body, inner.value.orelse] if isinstance(inner.value, ast.IfExp) else []
                    yield from (message for part in [inner.value, *branches] if (message := text(part)))


EVERY = sorted({m for p in PACKAGE.glob("*.py") if p.name not in INSIDE for m in messages(p)} - {"…"})


def test_the_messages_are_found() -> None:
    assert len(EVERY) > 50


@pytest.mark.parametrize("message", EVERY)
def test_every_message_has_its_indonesian(message: str) -> None:
    said = beside(message)
    assert said.endswith(f" / {message}"), f"add it to counter/indonesian.py: {message}"
    assert not said.startswith(message)


def test_what_it_names_stands_in_both() -> None:
    assert beside("has 15 digits, a NIK has 16") == "berisi 15 digit, NIK punya 16 / has 15 digits, a NIK has 16"
    assert beside("decisions were not read: Kafka does not answer at here:1").startswith(
        "keputusan belum terbaca: Kafka tidak menjawab di here:1 / "
    )
    assert beside("something that nobody translated") == "something that nobody translated"


def test_what_enrollment_refuses_is_said_in_indonesian_to_the_end() -> None:
    refused = (
        "enrollment at http://here:1 answered 403: Your roles do not allow this - This is for administrator, or a "
    )
    said = beside(refused + "one-time code.; give --token, an administrator's, or --code, which an administrator makes")
    assert said.partition(" / ")[0] == (
        "enrollment di http://here:1 menjawab 403: peran Anda tidak cukup - ini hanya untuk administrator, atau dengan "
        "kode sekali pakai; isi --token milik administrator, atau --code yang dibuat administrator"
    )


def test_a_refused_column_comes_first() -> None:
    assert str(FieldError("nik", "has 15 digits, a NIK has 16")).startswith("nik berisi 15 digit, NIK punya 16 / has")


@pytest.mark.parametrize("english", WORDS)
def test_every_message_is_said_with_what_it_names(english: str) -> None:
    named = [f"part {number}" for number in range(english.count("{}"))]
    told = beside(english.format(*named))
    assert told.endswith(f" / {english.format(*named)}") and "{" not in told
