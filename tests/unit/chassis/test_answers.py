"""What is wrong with a value is said in words that help."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from chassis.answers import describe
from contracts.types import Kind, Label, Reason, Text


@pytest.mark.parametrize("field", [Kind, Label, Text, Reason])
@pytest.mark.parametrize("nik", ["3573990101070001", "3573 9901 0107 0001"])
def test_a_nik_in_a_text_is_named_and_no_pattern_shown(field: object, nik: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        TypeAdapter(field).validate_python(f"salah orang: {nik}")
    (error,) = wrong.value.errors()
    said = describe({**error, "loc": ("body", "reason")})
    assert said == {"detail": "holds what can be a NIK: leave it out", "pointer": "#/reason"}
