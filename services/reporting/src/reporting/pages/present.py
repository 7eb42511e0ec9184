"""What the campaign's page shows, from what was read. Pure: no I/O, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from contracts.schools import SchoolListed, group_of, npsn_of
from contracts.visits import Visit
from reporting.pages import words
from reporting.questions.coverage import Coverage, DayRow, GroupRow, KindRow
from reporting.questions.view import View
from reporting.questions.visits import coming, next_by_group

OWNERSHIP = {"public": "negeri", "private": "swasta"}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table of schools and groups."""

    id: str
    group: str
    name: str
    about: str
    school_kind: str
    kecamatan: str
    target: int | None
    recorded: int
    remaining: int | None
    excess: int | None
    coverage: float | None
    counting_from: date | None
    next_visit: str
    next_day: str

    @property
    def width(self) -> str:
        """How long the bar is."""
        return width(self.coverage)


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of the chart."""

    day: date
    recorded: int
    x: int
    y: float
    height: float

    @property
    def weekend(self) -> bool:
        """Saturday or Sunday."""
        return self.day.weekday() >= 5


class Share(NamedTuple):
    """A line with a bar: so many of the whole, or of the largest."""

    name: str
    english: str
    n: int
    width: str


def width(rate: float | None) -> str:
    """A rate as the length of a bar, at most the whole."""
    return f"{min(max(rate or 0.0, 0.0), 1.0) * 100:.1f}%"


def rows(view: View) -> list[Row]:
    """Every listed school, and every group with a target or a recording: who needs most comes first."""
    lines = view.coverage.by_group
    following = next_by_group(view.visits, view.moment.as_of)
    groups = lines.keys() | {group_of(npsn) for npsn in view.schools}
    made = [_row(group, lines.get(group), view.schools, following.get(group)) for group in groups]
    return sorted(made, key=lambda row: (row.target is None, -(row.remaining or 0), row.excess or 0, row.name))


def _row(group: str, line: GroupRow | None, schools: Mapping[str, SchoolListed], visit: Visit | None) -> Row:
    school = schools.get(npsn_of(group) or "")
    on = None if visit is None else visit.day
    return Row(
        id="g-" + group.replace(":", "-"),
        group=group,
        name=_name(group, school),
        about=_about(group, school),
        school_kind="" if school is None else school.school_kind,
        kecamatan="" if school is None else school.kecamatan,
        target=None if line is None else line.target,
        recorded=0 if line is None else line.recorded,
        remaining=None if line is None else line.remaining,
        excess=None if line is None else line.excess,
        coverage=None if line is None else line.coverage,
        counting_from=None if line is None else line.counting_from,
        next_visit="" if on is None else f"{words.weekday(on)[:3]}, {words.short_day(on)}",
        next_day="" if on is None else on.isoformat(),
    )


def _name(group: str, school: SchoolListed | None) -> str:
    return words.group(group, {} if school is None else {school.npsn: {"name": school.name}})


def _about(group: str, school: SchoolListed | None) -> str:
    if school is not None:
        return f"{school.school_kind} {OWNERSHIP[school.ownership]} · {school.kecamatan} · {school.npsn}"
    return "sekolah tidak terdaftar" if npsn_of(group) else "bukan sekolah"


def bars(view: View) -> list[Bar]:
    """A bar for every day from the first to `as_of`, empty days too, in a field of 10 by 100 for each.

    Three weeks at least: few days do not look like many.
    """
    by_day = {row.day: row.recorded for row in view.by_day.rows if isinstance(row, DayRow)}
    if not by_day:
        return []
    first, last = min(by_day), view.moment.as_of
    length = min(max((last - first).days + 1, 21), 400)
    days = [last - timedelta(days=length - 1 - number) for number in range(length)]
    most = max(by_day.values())
    return [
        Bar(day, n := by_day.get(day, 0), 10 * number, 100 - 100 * n / most, 100 * n / most)
        for number, day in enumerate(days)
    ]


def ticks(shown: Sequence[Bar]) -> list[tuple[str, str]]:
    """(where, what) under the chart: about five days, the last among them."""
    if not shown:
        return []
    step = max(7, -(-len(shown) // 5))
    return [
        (f"{(index + 0.5) / len(shown) * 100:.2f}%", words.short_day(shown[index].day))
        for index in sorted(range(len(shown) - 1, -1, -step))
    ]


def kinds(view: View) -> list[Share]:
    """The kinds of recording point, the largest first."""
    found = sorted((row for row in view.by_kind.rows if isinstance(row, KindRow)), key=lambda row: -row.recorded)
    most = max((row.recorded for row in found), default=1)
    return [Share(words.kind(row.kind), "", row.recorded, width(row.recorded / most)) for row in found]


def domiciles(by_domicile: Coverage) -> list[Share]:
    """The second line: where those who count live."""
    found = by_domicile.domiciled
    if found is None:
        return []
    lines = [
        ("Di dalam wilayah", "in the region", found.in_region),
        ("Di luar wilayah", "elsewhere", found.elsewhere),
        ("Belum diketahui", "unknown", found.unknown),
    ]
    whole = max(sum(n for _, _, n in lines), 1)
    return [Share(name, english, n, width(n / whole)) for name, english, n in lines]


def visits(view: View) -> dict[str, list[dict[str, Any]]]:
    """The visits still planned, the next first; and the others, the last first."""
    planned = coming(view.visits, view.moment.as_of)
    ids = {visit.visit_id for visit in planned}
    past = [visit for visit in reversed(view.visits) if visit.visit_id not in ids]
    return {
        "coming": [_visit(view, visit) for visit in planned],
        "past": [_visit(view, visit) for visit in past],
    }


def _visit(view: View, visit: Visit) -> dict[str, Any]:
    starts, ends = (words.clock(instant, view.moment.campaign.zone) for instant in (visit.starts_at, visit.ends_at))
    names = [_name(group, view.schools.get(npsn_of(group) or "")) for group in visit.groups]
    missed = sorted((visit.missed or {}).items(), key=lambda item: -item[1])
    return {
        "id": "v-" + visit.visit_id,
        "day": visit.day,
        "place": visit.place,
        "about": ", ".join([words.kind(visit.kind), *(name for name in names if name != visit.place)]),
        "hours": f"{starts}–{ends}",
        "sets": len(visit.sets),
        "status": visit.status,
        "expected": visit.expected,
        "missed": [(words.reason(reason), n) for reason, n in missed if n],
    }


def outcomes(view: View) -> list[dict[str, Any]]:
    """The decisions about submissions by outcome, each with its reasons."""
    found = []
    for outcome, (name, english) in words.OUTCOMES.items():
        sorts = [sort for sort in view.decisions if sort.outcome == outcome]
        reasons = [(words.reason(sort.reason), sort.n) for sort in sorts if sort.reason]
        found.append({"name": name, "en": english, "n": sum(sort.n for sort in sorts), "reasons": reasons})
    return found
