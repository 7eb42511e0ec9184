"""Which visits are to come. Pure: no I/O, no clock."""

from collections.abc import Iterable
from datetime import date
from typing import Any

Visit = dict[str, Any]


def coming(visits: Iterable[Visit], as_of: date) -> list[Visit]:
    """Those still planned, from that day on; the next one first when `visits` are in the order of their days."""
    return [one for one in visits if one["status"] == "scheduled" and date.fromisoformat(one["day"]) >= as_of]


def next_by_group(visits: Iterable[Visit], as_of: date) -> dict[str, Visit]:
    """The next visit of each group that has one."""
    following: dict[str, Visit] = {}
    for visit in coming(visits, as_of):
        for group in visit["groups"]:
            following.setdefault(group, visit)
    return following
