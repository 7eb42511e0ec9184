"""Puts a coverage answer together: who counts, which targets are in force, what the groups are called."""

from collections.abc import Mapping
from datetime import date
from itertools import accumulate
from typing import Any

from exactly_once import Connection
from reporting.coverage import rules, store
from reporting.coverage.model import Coverage, DayRow, Domiciled, DomicileRow, GroupRow, KindRow, Total
from reporting.coverage.store import By, Window
from reporting.moment import Moment
from reporting.schools.store import school_names
from reporting.targets import rules as targets
from reporting.targets.store import decisions

Rows = list[GroupRow] | list[DayRow] | list[KindRow] | list[DomicileRow]


async def coverage(tx: Connection, moment: Moment, by: By = "group") -> Coverage:
    """How far the campaign is at a moment, with rows by group, day, kind or domicile."""
    slug, known_at = moment.campaign.campaign, moment.asked_known_at
    plan = targets.in_force(await decisions(tx, slug), moment.as_of, known_at)
    window = Window(slug, plan.counting_from, moment.as_of, known_at)
    recorded = await store.recorded(tx, window, by)
    rows: Rows
    domiciled = None
    if by == "group":
        later = await store.recorded_later_starts(tx, window, plan.later_starts)
        rows = group_rows(plan, recorded | later, await school_names(tx, slug, known_at))
    elif by == "day":
        rows = day_rows(recorded)
    elif by == "kind":
        rows = [KindRow(kind=kind, recorded=n) for kind, n in recorded.items()]
    else:
        rows = domicile_rows(recorded, moment.campaign.region_code)
        domiciled = Domiciled(
            in_region=sum(row.recorded for row in rows if row.in_region),
            elsewhere=sum(row.recorded for row in rows if row.in_region is False),
            unknown=sum(row.recorded for row in rows if row.in_region is None),
        )
    return Coverage(**about(moment), total=total(plan, sum(recorded.values())), rows=rows, domiciled=domiciled)


def about(moment: Moment) -> dict[str, Any]:
    """The members that every answer has."""
    return {
        "campaign": moment.campaign.campaign,
        "as_of": moment.as_of,
        "known_at": moment.known_at,
        "complete_through": moment.complete_through,
        "final": moment.final,
        "revision": moment.revision,
    }


def total(plan: targets.Plan, recorded: int) -> Total:
    """The campaign's own line: everybody who counts, whatever the groups' own first days. It may exceed their sum."""
    return Total(
        **rules.line(plan.target, recorded)._asdict(),
        allocated=plan.allocated,
        unallocated=plan.unallocated,
        counting_from=plan.counting_from,
    )


def group_rows(plan: targets.Plan, recorded: Mapping[str, int], names: Mapping[str, str]) -> list[GroupRow]:
    """A row for every group with a target in force or a recording, schools first, in the order of their ids."""
    groups = {group for group, n in recorded.items() if n} | set(plan.groups)
    rows = []
    for group in sorted(groups):
        decision = plan.groups.get(group)
        line = rules.line(None if decision is None else decision.value, recorded.get(group, 0))
        rows.append(
            GroupRow(
                group=group, name=names.get(group), target=line.target, recorded=line.recorded,
                remaining=line.remaining, excess=line.excess, coverage=line.coverage,
                counting_from=plan.later_starts.get(group),
            )
        )  # fmt: skip
    return rows


def day_rows(recorded: Mapping[str, int]) -> list[DayRow]:
    """A row for every day on which somebody was recorded, with the sum until then."""
    return [
        DayRow(day=date.fromisoformat(day), recorded=n, cumulative=so_far)
        for (day, n), so_far in zip(recorded.items(), accumulate(recorded.values()), strict=True)
    ]


def domicile_rows(recorded: Mapping[str, int], region: str | None) -> list[DomicileRow]:
    """A row for every regency of domicile; '' is where nobody knows it."""
    return [
        DomicileRow(
            domicile=regency or None,
            in_region=None if not regency or region is None else regency == region,
            recorded=n,
        )
        for regency, n in recorded.items()
    ]
