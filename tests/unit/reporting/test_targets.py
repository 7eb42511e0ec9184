"""Which target is in force, for a day, as known at an instant."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from contracts.targets import TargetUpdated
from reporting.questions.targets import in_force


def decision(scope: str, value: int, revision: int = 1, **changes: Any) -> TargetUpdated:
    said = {"known_at": known(revision), "effective_from": date(2024, 10, 1), "split": "stated", "reason": "surat"}
    return TargetUpdated.model_validate(
        {"campaign": "c", "scope": scope, "value": value, "revision": revision, **said, **changes}
    )


def known(day: int) -> datetime:
    return datetime(2024, 10, day, tzinfo=UTC)


DAY = date(2024, 10, 20)


def test_the_highest_revision_of_those_known_and_effective_holds() -> None:
    made = [
        decision("campaign", 100, 1),
        decision("campaign", 300, 3, effective_from=date(2024, 10, 25)),
        decision("campaign", 200, 2),
    ]
    assert in_force(made, DAY).target == 200
    assert in_force(made, date(2024, 10, 25)).target == 300
    assert in_force(made, DAY, known_at=known(1)).target == 100
    assert in_force(made, date(2024, 9, 30)).target is None


def test_withdrawn_means_none_and_not_the_one_before() -> None:
    made = [decision("outside", 5, 1), decision("outside", 5, 2, withdrawn=True)]
    assert in_force(made, DAY).groups == {}
    assert in_force(made, DAY, known_at=known(1)).target == 5


def test_the_campaigns_own_decision_is_its_target_and_the_difference_is_shown() -> None:
    groups = [decision("npsn:20599901", 40), decision("npsn:20599902", 30)]
    plan = in_force([decision("campaign", 100), *groups], DAY)
    assert (plan.target, plan.allocated, plan.unallocated) == (100, 70, 30)
    assert in_force([decision("campaign", 60), *groups], DAY).unallocated == -10


def test_without_one_it_is_the_sum_of_the_groups_and_without_these_unknown() -> None:
    plan = in_force([decision("npsn:20599901", 40), decision("outside", 2)], DAY)
    assert (plan.target, plan.allocated, plan.unallocated) == (42, 42, None)
    assert in_force([], DAY).target is None


def test_a_group_counts_from_its_own_day_only_if_that_is_later() -> None:
    start = date(2024, 9, 19)
    made = [
        decision("campaign", 100, counting_from=start),
        decision("npsn:20599901", 1, counting_from=date(2024, 9, 1)),
        decision("npsn:20599902", 1, counting_from=date(2024, 10, 3)),
        decision("npsn:20599903", 1),
    ]
    plan = in_force(made, DAY)
    assert plan.counting_from == start
    assert plan.later_starts == {"npsn:20599902": date(2024, 10, 3)}
