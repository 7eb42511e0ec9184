"""Which visits are to come. Pure: no I/O, no clock."""

from collections.abc import Iterable
from datetime import date

from contracts.visits import Visit
from reporting.questions.moment import Asked


def in_order(visits: Iterable[Visit]) -> list[Visit]:
    """In the order of their days and hours."""
    return sorted(visits, key=lambda visit: (visit.day, visit.starts_at, visit.visit_id))


def coming(visits: Iterable[Visit], as_of: date) -> list[Visit]:
    """Those still planned, from that day on; the next one first when `visits` are in the order of their days."""
    return [visit for visit in visits if visit.status == "scheduled" and visit.day >= as_of]


def next_by_group(visits: Iterable[Visit], as_of: date) -> dict[str, Visit]:
    """The next visit of each group that has one."""
    following: dict[str, Visit] = {}
    for visit in coming(visits, as_of):
        for group in visit.groups:
            following.setdefault(group, visit)
    return following


class Visits(Asked):
    """The visits, each as its latest revision says."""

    visits: list[Visit]
