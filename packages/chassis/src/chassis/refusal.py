"""How handlers and rules say no, whoever asked: HTTP, a page, a test. Each is answered with one kind of problem."""

from collections.abc import Callable
from typing import Any

from contracts.envelope import HasRevision

# What a caller expects of the last revision (None: of nothing yet); it raises Refused or Stale.
Check = Callable[[HasRevision | None], None]


def unchecked(_last: HasRevision | None) -> None:
    """Expects nothing of it."""


class Refused(Exception):
    """A rule does not allow what was asked.

    `reason` is a word for programs, `detail` a sentence for people that says what to do. `errors` point at what is
    wrong in the command itself: (JSON pointer, what to do); without any it clashes with how things are. `members` name
    what it clashes with. Nothing repeats free text that was sent.
    """

    def __init__(self, detail: str, *errors: tuple[str, str], reason: str | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.detail, self.errors, self.reason, self.members = detail, errors, reason, members


class Unknown(Exception):
    """What the command is about does not exist; the text says what to do."""

    def __init__(self, detail: str, *, reason: str | None = None) -> None:
        super().__init__(detail)
        self.detail, self.reason = detail, reason


class Taken(Exception):
    """It exists already with other content; the text says what to do."""


class Stale(Exception):
    """The client expects another revision than the `current` one; expecting `0` is: nothing yet.

    `tag` is the entity tag of what is there, where it says more than the revision.
    """

    def __init__(self, expected: int, current: int, tag: str | None = None) -> None:
        super().__init__(f"revision {expected} was expected, {tag or current} is there")
        self.expected, self.current, self.tag = expected, current, tag


def require_revision(expected: int | None, current: int) -> None:
    """Raises Stale when another revision is expected than the current one."""
    if expected is not None and expected != current:
        raise Stale(expected, current)
