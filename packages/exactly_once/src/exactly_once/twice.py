"""JSON with a member that is there twice says two things: readers take the first or the last. It is refused."""

import re
from typing import Final

import jiter

_TWICE: Final = re.compile(r"^Detected duplicate key .* at (line \d+ column \d+)$", re.DOTALL)


def member_twice(value: bytes) -> str | None:
    """Where an object has a member a second time, as `line 1 column 12`; None where none has, or it is no JSON."""
    try:
        jiter.from_json(value, catch_duplicate_keys=True)
    except ValueError as error:
        second = _TWICE.match(str(error))
        return second and second[1]
    return None
