"""Rules that are narrower than the first records were: they hold at every door, never for what was taken before.

What a table kept is read with the context STORED, so that no later rule makes it unreadable. A schema cannot say these
rules: a released pattern only grows.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

from pydantic import AfterValidator, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from contracts.signs import control_sign, holds_a_nik

STORED: Final = object()
_SHORT: Final = 16


def at_doors(check: Callable[[str], None]) -> AfterValidator:
    """A check that raises ValueError, of all that comes in and of nothing that was kept."""

    def checked(value: str, info: ValidationInfo) -> str:
        if info.context is not STORED:
            check(value)
        return value

    return AfterValidator(checked)


def between(moment: CoreSchema, first: date | datetime, last: date | datetime, message: str) -> CoreSchema:
    """`moment` within bounds, judged in Rust; one that was kept may lie beyond them."""
    kept = core_schema.with_info_before_validator_function(_only_stored, moment)
    return core_schema.union_schema(
        [{**moment, "ge": first, "le": last}, kept],
        mode="left_to_right",
        custom_error_type="not_between",
        custom_error_message=message,
    )


def _only_stored(value: Any, info: ValidationInfo) -> Any:
    if info.context is not STORED:
        raise ValueError("beyond the bounds")
    return value


def no_nik(text: str) -> None:
    """Raises ValueError."""
    if holds_a_nik(text):
        raise ValueError("holds what can be a NIK: leave it out")


def one_line(text: str) -> None:
    """Raises ValueError for a control sign, a line separator, a NIK."""
    _free(text, "")


def paragraphs(text: str) -> None:
    """The same; line breaks and tabs may be there."""
    _free(text, "\n\t\r")


def _free(text: str, allowed: str) -> None:
    if len(text) < _SHORT and text.isascii() and text.isprintable():
        return
    if sign := control_sign(text, allowed):
        raise ValueError(f"holds {sign}: write it without")
    no_nik(text)
