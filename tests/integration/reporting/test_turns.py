"""A batch as large as they come keeps nobody waiting: pages, streams and probes are served by the same loop."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.decisions import SubmissionDecided
from contracts.targets import TargetUpdated
from exactly_once.settings import Tuning
from tests.integration.reporting.conftest import Reporting
from tests.ledger import recording
from tests.turns import LONGEST, apply

AS_MANY_AS_COME = Tuning().max_records
AT = recording(1).known_at


def decided(number: int) -> SubmissionDecided:
    return SubmissionDecided(
        campaign="malang-2024", submission_id=recording(number).person_id, revision=1, known_at=AT, device_id="mpp-1",
        device_seq=number + 1, outcome="counted",
    )  # fmt: skip


def target(number: int) -> TargetUpdated:
    return TargetUpdated(
        campaign="malang-2024", scope=f"outside:{number}", revision=1, known_at=AT, value=number,
        effective_from=AT.date(), based_on=[], split="stated", reason="x", withdrawn=False,
    )  # fmt: skip


@pytest.mark.parametrize("make", [recording, decided, target], ids=["recordings", "decisions", "targets"])
async def test_a_large_batch_takes_no_long_turn(make: Any, reporting: Reporting) -> None:
    for _ in ("new", "again"):
        assert await apply(reporting.app, [make(number) for number in range(AS_MANY_AS_COME)]) < LONGEST


async def test_the_control_without_slices_takes_a_longer_one(
    reporting: Reporting, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_slices = await apply(reporting.app, [target(number) for number in range(AS_MANY_AS_COME)])
    monkeypatch.setattr("exactly_once.slices.SLICE", AS_MANY_AS_COME)
    at_once = await apply(reporting.app, [target(AS_MANY_AS_COME + number) for number in range(AS_MANY_AS_COME)])
    assert at_once > 2 * in_slices
