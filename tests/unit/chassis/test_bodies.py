"""What a command's body repeats of an answer, and when that is refused."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from chassis.answers import problem_of
from chassis.bodies import Revised
from chassis.refusal import Refused, Stale

THEN = datetime(2024, 11, 1, 9, tzinfo=UTC)
LATER = datetime(2024, 11, 2, 9, tzinfo=UTC)


@dataclass
class Thing:
    revision: int = 7
    known_at: datetime | None = THEN


class PutThing(Revised):
    name: str = ""


def refused(
    clock: Literal["live", "replay"], expected: int | None, current: Thing | None, **body: Any
) -> tuple[str, list[str]] | None:
    """The type of the problem and its pointers; None when the body is taken."""
    try:
        PutThing(**body).check(clock, expected, current)
    except (Refused, Stale) as refusal:
        problem = problem_of(refusal)
        return problem.kind.slug, [error["pointer"] for error in problem.ext.get("errors", [])]
    return None


STALE = ("stale-revision", list[str]())
EXISTS = ("exists", list[str]())
WRONG_REVISION = ("invalid-request", ["#/revision"])
WRONG_KNOWN_AT = ("invalid-request", ["#/known_at"])


@pytest.mark.parametrize(
    ("expected", "current", "body", "found"),
    [
        (None, Thing(), {}, None),
        (None, Thing(), {"revision": 7}, None),
        (7, Thing(), {"revision": 7}, None),
        (None, Thing(), {"revision": 6}, STALE),
        (6, Thing(), {"revision": 6}, STALE),
        (7, Thing(), {"revision": 6}, WRONG_REVISION),
        (6, Thing(), {"revision": 7}, WRONG_REVISION),
        (None, None, {"revision": 1}, STALE),
        (None, Thing(0, None), {}, None),
        (0, None, {}, None),
        (0, Thing(), {}, EXISTS),
        (0, Thing(), {"revision": 7}, WRONG_REVISION),
        (None, Thing(), {"known_at": THEN}, WRONG_KNOWN_AT),
        (7, Thing(), {"known_at": THEN}, WRONG_KNOWN_AT),
        (None, Thing(), {"known_at": THEN, "revision": 7}, None),
        (None, Thing(), {"known_at": THEN, "revision": 6}, STALE),
        (None, Thing(), {"known_at": LATER, "revision": 7}, WRONG_KNOWN_AT),
        (None, None, {"known_at": THEN}, WRONG_KNOWN_AT),
    ],
)
def test_what_a_body_repeats_in_a_live_campaign(
    expected: int | None, current: Thing | None, body: dict[str, Any], found: tuple[str, list[str]] | None
) -> None:
    assert refused("live", expected, current, **body) == found


def test_known_at_takes_the_place_of_the_clock_in_a_replayed_campaign_alone() -> None:
    body = PutThing(known_at=THEN, revision=7)
    assert (body.replayed_at("replay"), body.replayed_at("live")) == (THEN, None)
    assert PutThing().replayed_at("replay") is None
    for known_at in (LATER, None):
        assert refused("replay", None, Thing(), known_at=known_at) is None


def test_said_is_what_the_command_is_about() -> None:
    body = PutThing(campaign="malang-2024", revision=7, known_at=THEN, name="x")
    assert (body.said(), body.said("name")) == ({"name": "x"}, {})
