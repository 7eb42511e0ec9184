"""How the rules say no."""

from typing import Any, Literal

# Every word for programs; docs/integrating.md explains them.
Reason = Literal[
    "closed", "group_twice", "more_sets_than_exist", "no_school", "not_enough_free_sets", "not_in_order", "not_on_day",
    "not_yet", "outside_campaign", "school_not_listed", "set_needed", "set_out_of_service", "set_taken", "set_twice",
    "too_many_schools", "unknown_set",
]  # fmt: skip


class Refused(Exception):
    """A rule does not allow what was asked.

    `reason` is a word for programs, `detail` a sentence for people that says what to do. `at` are JSON pointers to what
    is wrong in the body itself; `members` name what it clashes with. Nothing repeats free text that was sent.
    """

    def __init__(self, reason: Reason, detail: str, *at: str, **members: Any) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.at, self.members = reason, detail, at, members
