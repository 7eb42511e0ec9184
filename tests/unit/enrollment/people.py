"""Recordings and persons to test with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from enrollment.persons.rules import Person, Submission, decisions

NOON = datetime(2024, 10, 1, 5, tzinfo=UTC)


def recording(number: int, day: int = 1, **changes: Any) -> Submission:
    """Recording number n, of a day of October."""
    moment = NOON + timedelta(days=day - 1)
    return replace(
        Submission(
            submission_id=f"00000000-0000-7000-8000-{number:012d}",
            device_id="mpp-1",
            device_seq=number + 1,
            recorded_at=moment,
            recorded_on=moment.date(),
            received_at=moment,
            kind="mpp",
        ),
        **changes,
    )


def person(*recordings: Submission, reattributed: str | None = None) -> Person:
    return Person({r.submission_id: r for r in recordings}, reattributed)


def outcomes(of: Person) -> list[str]:
    return [decision.outcome for _, decision in sorted(decisions(of).items())]
