"""Every revision of the small facts is kept; decisions about submissions are counted by exact differences."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.decisions import SubmissionDecided
from reporting.projection import changes, decisions
from tests.integration.reporting.conftest import Reporting
from tests.integration.reporting.world import decided, opened, recording, school, statement, target, visit


@pytest.mark.parametrize(
    ("event", "other"),
    [
        (opened(), opened(name="Lain")),
        (school(1), school(1, name="Lain")),
        (target("campaign", 1), target("campaign", 2)),
        (statement(1, 1), statement(1, 2)),
        (visit(1), visit(1, place="Lain")),
        (decided(1, "held", reason="under_age"), decided(1, "counted")),
    ],
)
async def test_the_same_revision_with_other_content_is_rejected(reporting: Reporting, event: Any, other: Any) -> None:
    assert await reporting.hear(event, event) == []
    assert await reporting.hear(other) == ["revision_conflict"]
    assert await reporting.hear(event) == []
    later = event.model_copy(update={"revision": 2})
    assert await reporting.hear(later, other.model_copy(update={"revision": 2})) == ["revision_conflict"]
    assert await reporting.pool.fetchval("SELECT sum(revision) FROM reporting.campaign_change") == 2


async def test_the_highest_revision_is_the_visit_whatever_came_last(reporting: Reporting) -> None:
    await reporting.hear(visit(1, 3, place="tiga"), visit(1, 1, place="satu"))
    await reporting.hear(visit(1, 2, place="dua"))
    assert [one["place"] for one in (await reporting.get("/visits"))["visits"]] == ["tiga"]


async def hear_in_batches(reporting: Reporting, events: list[Any], data: st.DataObject) -> None:
    """Cut anywhere."""
    while events:
        size = data.draw(st.integers(1, len(events)))
        assert await reporting.hear(*events[:size]) == []
        events = events[size:]


@given(data=st.data())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
async def test_a_campaigns_revision_is_how_many_revisions_were_applied_whatever_the_batches(
    reporting: Reporting, data: st.DataObject
) -> None:
    slug = f"c-{uuid.uuid4().hex[:12]}"
    history = [
        made.model_copy(update={"campaign": slug, "revision": revision})
        for made in (opened(), school(1), target("campaign", 9), statement(1, 9), visit(1), decided(1, "held"),
                     decided(2, "counted"), recording(1), recording(2))
        for revision in range(1, data.draw(st.integers(1, 3)) + 1)
    ]  # fmt: skip
    again = data.draw(st.lists(st.sampled_from(history), max_size=len(history)))
    await hear_in_batches(reporting, data.draw(st.permutations([*history, *again])), data)
    async with reporting.pool.acquire() as tx:
        assert await changes.revisions(tx, [slug]) == {slug: len(history)}


SORTS = [("counted", None), ("duplicate", None), ("held", "under_age"), ("rejected", "voided")]


@pytest.mark.properties
@given(data=st.data())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
async def test_decisions_equal_a_fold(reporting: Reporting, data: st.DataObject) -> None:
    campaign = f"c-{uuid.uuid4().hex[:12]}"
    history: list[SubmissionDecided] = []
    for number in range(data.draw(st.integers(1, 5))):
        for revision in range(1, data.draw(st.integers(1, 4)) + 1):
            outcome, reason = data.draw(st.sampled_from(SORTS))
            history.append(decided(number, outcome, revision, campaign=campaign, reason=reason))
    events = data.draw(st.permutations(history + history))
    await hear_in_batches(reporting, events, data)
    newest = {event.submission_id: event for event in sorted(history, key=lambda event: event.revision)}
    async with reporting.pool.acquire() as tx:
        counted = {(one.outcome, one.reason): one.n for one in await decisions.counts(tx, campaign)}
    assert counted == Counter((event.outcome, event.reason or "") for event in newest.values())
