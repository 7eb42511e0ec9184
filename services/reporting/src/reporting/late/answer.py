"""Puts the answer about late arrivals together."""

from dataclasses import replace
from datetime import date, datetime

from exactly_once import Connection
from reporting import days
from reporting.coverage import store as coverage
from reporting.coverage.answer import about
from reporting.coverage.store import Window
from reporting.late.model import LateAnswer, LateCause, LateRow
from reporting.late.store import Late, by_cause, late
from reporting.moment import Moment, moment
from reporting.targets.rules import in_force
from reporting.targets.store import decisions

COUNTING_FROM = "counting_from"


async def compared(tx: Connection, slug: str, as_of: date | None, known_at: datetime | None) -> Moment:
    """A day as known now, and the instant to compare it with: by default its end. Raises UnknownCampaign."""
    at = await moment(tx, slug, as_of)
    then = days.end_of(at.as_of, at.campaign.zone) if known_at is None else days.utc(known_at)
    return replace(at, known_at=then)


async def read_late(tx: Connection, at: Moment, limit: int) -> LateAnswer:
    """Compares what was known then with what is known now."""
    slug, then = at.campaign.campaign, at.known_at
    made = await decisions(tx, slug)
    from_then = in_force(made, at.as_of, then).counting_from
    from_now = in_force(made, at.as_of).counting_from
    recorded_then = await coverage.recorded(tx, Window(slug, from_then, at.as_of, then), "kind")
    recorded_now = await coverage.recorded(tx, Window(slug, from_now, at.as_of, None), "kind")
    found = await late(tx, slug, at.as_of, then, from_then, from_now)
    changes = [one.change for one in found]
    return LateAnswer(
        **about(at),
        recorded_then=sum(recorded_then.values()),
        recorded_now=sum(recorded_now.values()),
        added=changes.count("added"),
        removed=changes.count("removed"),
        moved=changes.count("moved"),
        causes=[
            LateCause.model_validate({"change": change, "cause": cause or COUNTING_FROM, "persons": n})
            for change, cause, n in by_cause(found)
        ],
        rows=[_row(one) for one in found[:limit]],
    )


def _row(one: Late) -> LateRow:
    return LateRow.model_validate(
        {
            "change": one.change,
            "cause": one.cause or COUNTING_FROM,
            "group": one.after or one.before,
            "group_before": one.before,
            "kind": one.kind,
            "recorded_on": one.recorded_on,
            "received_at": one.received_at,
            "known_at": one.known_at,
        }
    )
