"""How the rules say no."""

from typing import Any


class Refused(Exception):
    """A rule does not allow what was asked.

    `reason` is a word for programs, `detail` a sentence for people that says what to do. `at` are JSON pointers to what
    is wrong in the body itself; `members` name what it clashes with. Nothing repeats free text that was sent.
    """

    def __init__(self, reason: str, detail: str, *at: str, **members: Any) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.at, self.members = reason, detail, at, members
