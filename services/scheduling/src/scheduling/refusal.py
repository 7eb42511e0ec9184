"""How the rules say no: every word for programs; docs/integrating.md explains them."""

from typing import Any, Literal

from chassis import refusal

Reason = Literal[
    "closed", "group_twice", "more_sets_than_exist", "no_school", "not_enough_free_sets", "not_in_order", "not_on_day",
    "not_yet", "outside_campaign", "school_not_listed", "set_needed", "set_out_of_service", "set_taken", "set_twice",
    "too_many_schools", "unknown_set",
]  # fmt: skip


class Refused(refusal.Refused):
    """A rule does not allow what was asked. `at` are JSON pointers to what is wrong in the command itself."""

    reason: Reason

    def __init__(self, reason: Reason, detail: str, *at: str, **members: Any) -> None:
        super().__init__(detail, *((pointer, detail) for pointer in at), reason=reason, **members)
        self.at = at
