"""What is wrong with a value, in words for people that never hold the value; a sign that nobody sees is named. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from contracts.signs import odd_sign

BOM: Final = b"\xef\xbb\xbf"


def in_words(error: Mapping[str, Any]) -> str:
    """Of one of pydantic's errors, with its `input`."""
    said = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    value = error.get("input")
    if not isinstance(value, str) or " at place " in said or error["type"] == "missing":
        return said
    sign = odd_sign(value)
    return said if sign is None else f"{said}; it holds {sign}"
