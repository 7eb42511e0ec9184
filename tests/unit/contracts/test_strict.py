"""A number is a number and a yes is a yes: what JSON says of another kind is no event, as the schema says too."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.envelope import Event
from tests.unit.contracts.test_no_nik import EXAMPLES

WRONG: dict[type, tuple[Any, ...]] = {bool: ("yes", "true", 1, 0), int: (True, "5", 5.5), float: (True, "5.5")}


def fields(value: dict[str, Any], at: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every field that is a number or a yes or no, however deep."""
    found: list[tuple[tuple[str, ...], Any]] = []
    for name, held in value.items():
        if isinstance(held, dict):
            found += fields(held, (*at, name))
        elif isinstance(held, bool | int | float):
            found.append(((*at, name), held))
    return found


def changed(value: dict[str, Any], at: tuple[str, ...], to: Any) -> dict[str, Any]:
    name, *rest = at
    return {**value, name: changed(value[name], tuple(rest), to) if rest else to}


CASES = [
    pytest.param(
        type(example.event), example.as_file["value"], at, wrong, id=f"{example.name} {'.'.join(at)} {wrong!r}"
    )
    for example in EXAMPLES
    for value in [example.as_file["value"]]
    for at, held in fields(value)
    for wrong in WRONG[type(held)]
]


@pytest.mark.parametrize(("model", "value", "at", "wrong"), CASES)
def test_a_value_of_another_kind_is_refused(
    model: type[Event], value: dict[str, Any], at: tuple[str, ...], wrong: Any
) -> None:
    model.model_validate_json(json.dumps(value))
    with pytest.raises(ValidationError):
        model.model_validate_json(json.dumps(changed(value, at, wrong)))
