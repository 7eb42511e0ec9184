"""Puts the answer about late arrivals together."""

from datetime import datetime

from exactly_once import Connection
from reporting import days
from reporting.coverage import store as coverage
from reporting.coverage.answer import about
from reporting.coverage.store import Window
from reporting.late.model import LateAnswer, LateCause, LateRow
from reporting.late.store import Late, by_cause, late
from reporting.moment import Moment
from reporting.progress.rules import is_final
from reporting.targets.rules import in_force
from reporting.targets.store import decisions

COUNTING_FROM = "counting_from"


async def read_late(tx: Connection, at: Moment, known_at: datetime | None, limit: int) -> LateAnswer:
    """Compares what was known at an instant (default: at the end of the day) with what is known now."""
    slug = at.campaign.campaign
    then = days.end_of(at.as_of, at.campaign.zone) if known_at is None else days.utc(known_at)
    made = await decisions(tx, slug)
    from_then = in_force(made, at.as_of, then).counting_from
    from_now = in_force(made, at.as_of).counting_from
    recorded_then = await coverage.recorded(tx, Window(slug, from_then, at.as_of, then), "kind")
    recorded_now = await coverage.recorded(tx, Window(slug, from_now, at.as_of, None), "kind")
    found = await late(tx, slug, at.as_of, then, from_then, from_now)
    changes = [one.change for one in found]
    asked = about(at) | {"known_at": then, "final": is_final(then, at.complete_through)}
    return LateAnswer(
        **asked,
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
