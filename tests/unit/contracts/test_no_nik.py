"""Nothing that an event can carry has room for a NIK: no field takes 16 digits in a row, whatever is around them."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts import golden
from contracts.describe import schema
from contracts.envelope import Event
from contracts.generate import HOME
from contracts.topics import TOPIC_OF

Json = dict[str, Any]
Path = tuple[str | int, ...]
EXAMPLES = [
    golden.read(path) for path in sorted((HOME / "examples").glob("*.json")) if not path.name.endswith(".minimal.json")
]
# Base64 of a ciphertext: 16 digits in a row are there by chance alone, once in 10^12.
EXEMPT = {"sealed"}

NIK = st.integers(min_value=1, max_value=10**4 - 1).map(lambda serial: f"357399010107{serial:04}")
AROUND = st.one_of(
    st.sampled_from(
        ["", "outside:", "npsn:", "campaign", "a", "-", "2024-", "x.", "_", "A", "/", " ", "NIK ", "1", "\n"]
    ),
    st.text(max_size=20),
    st.from_regex(r"[a-z0-9:._-]{0,20}", fullmatch=True),
)


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where a value's strings are."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from leaves(member, (*path, name))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from leaves(member, (*path, index))


def planted(value: Json, path: Path, text: Any) -> Json:
    changed = deepcopy(value)
    at: Any = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = text
    return changed


def strings(schema_: Any) -> Iterator[Json]:
    """Every schema of a string within a schema; names of a map too."""
    if isinstance(schema_, list):
        for member in schema_:
            yield from strings(member)
    elif isinstance(schema_, dict):
        if schema_.get("type") == "string":
            yield schema_
        for pattern in schema_.get("patternProperties", {}):
            yield {"type": "string", "pattern": pattern}
        for member in schema_.values():
            yield from strings(member)


def names(schema_: Any) -> Iterator[str]:
    if isinstance(schema_, list):
        for member in schema_:
            yield from names(member)
    elif isinstance(schema_, dict):
        yield from schema_.get("properties", {})
        for member in schema_.values():
            yield from names(member)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
@given(before=AROUND, nik=NIK, after=AROUND)
def test_no_string_of_any_event_takes_a_nik(example: golden.Golden, before: str, nik: str, after: str) -> None:
    value = example.as_file["value"]
    for path in leaves(value):
        if path[-1] in EXEMPT:
            continue
        with pytest.raises(ValidationError):
            type(example.event).model_validate(planted(value, path, before + nik + after))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
@given(nik=NIK)
def test_no_whole_number_of_any_event_takes_a_nik(example: golden.Golden, nik: str) -> None:
    value = example.as_file["value"]
    for name in (name for name, held in value.items() if type(held) is int):
        with pytest.raises(ValidationError):
            type(example.event).model_validate({**value, name: int(nik)})


def test_reasons_for_missed_persons_take_no_nik() -> None:
    example = next(found for found in EXAMPLES if "missed" in found.as_file["value"])
    for reason in ("3573990101070001", "absent-3573990101070001", "NIK3573990101070001"):
        with pytest.raises(ValidationError):
            type(example.event).model_validate({**example.as_file["value"], "missed": {reason: 1}})


@pytest.mark.parametrize("model", TOPIC_OF, ids=lambda model: model.type)
def test_every_string_has_a_pattern_a_format_or_an_enum(model: type[Event]) -> None:
    """So that a field added later is not the one that takes anything."""
    free = [found for found in strings(schema(model)) if not found.keys() & {"pattern", "format", "enum", "const"}]
    assert free == []


@pytest.mark.parametrize("model", TOPIC_OF, ids=lambda model: model.type)
def test_every_string_and_number_of_a_schema_is_reached_by_its_example(model: type[Event]) -> None:
    """The tests above walk through the examples: these must hold every field."""
    example = next(found for found in EXAMPLES if type(found.event) is model)
    optional_only_elsewhere = {"missed", "reason"} if "visit" in model.type else set()
    assert set(schema(model)["properties"]) - optional_only_elsewhere <= example.as_file["value"].keys()


@given(
    pattern=st.sampled_from(
        sorted(
            {
                found["pattern"]
                for model in TOPIC_OF
                for found in strings(schema(model))
                if "pattern" in found and "4096" not in found["pattern"]
            }
        )
    ),
    data=st.data(),
)
def test_what_a_pattern_describes_holds_no_nik(pattern: str, data: st.DataObject) -> None:
    assert re.search(r"[0-9]{16}", data.draw(st.from_regex(pattern))) is None


@pytest.mark.parametrize("model", TOPIC_OF, ids=lambda model: model.type)
def test_no_event_has_or_keeps_a_nik(model: type[Event]) -> None:
    assert not {"nik", "birth_date", "married"} & set(names(schema(model)))
    example = next(found for found in EXAMPLES if type(found.event) is model)

    given_away = {**example.as_file["value"], "nik": "3573990101070001", "birth_date": "2007-01-01"}
    kept = model.model_validate(given_away).model_dump_json()

    assert "3573990101070001" not in kept
    assert not {"nik", "birth_date"} & json.loads(kept).keys()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_error_never_repeats_what_came_in(example: golden.Golden) -> None:
    value = example.as_file["value"]
    for path in leaves(value):
        try:
            type(example.event).model_validate_json(json.dumps(planted(value, path, "3573990101070001\x00")))
        except ValidationError as error:
            assert "3573990101070001" not in str(error)


@pytest.mark.parametrize("number", [0, 86_400, 20_241_108, 1_731_024_000.0, "1731024000", "20241108", ".357399", "-1"])
def test_a_number_is_no_instant_and_no_day(number: Any) -> None:
    example = next(found for found in EXAMPLES if "starts_at" in found.as_file["value"])
    for name in ("day", "starts_at"):
        value = {**example.as_file["value"], name: number}
        with pytest.raises(ValidationError):
            type(example.event).model_validate(value)
        with pytest.raises(ValidationError):
            type(example.event).model_validate_json(json.dumps(value))
