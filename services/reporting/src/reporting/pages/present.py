"""What the campaign's page shows, from what was read. Pure: no I/O, no clock."""

from collections.abc import Mapping
from typing import Any, Final

from contracts.schools import SchoolListed, group_of, npsn_of
from contracts.visits import Visit
from reporting.questions.coverage import Coverage, DayRow, GroupRow, KindRow, line
from reporting.questions.view import View
from reporting.questions.visits import coming, next_by_group
from web import charts, words
from web.charts import Bar, Share

OWNERSHIP: Final = {"public": "negeri", "private": "swasta"}
PARAMETERS: Final = {"as_of": "Per tanggal", "known_at": "Diketahui per"}
# By status: a title, and what to do.
PROBLEMS: Final = {
    403: ("Anda belum masuk", "Mulai masuk sekali lagi dari halaman ini; bila tetap ditolak, peran Anda tidak cukup."),
    404: ("Halaman ini tidak ada", "Periksa alamatnya, atau mulai dari daftar program."),
    429: ("Sedang banyak permintaan", "Tidak ada yang rusak. Coba lagi sebentar lagi."),
    503: ("Sedang tidak terjangkau", "Tidak ada data yang hilang. Coba lagi sebentar lagi."),
}
OTHER_PROBLEM: Final = ("Permintaan ini tidak dapat dilayani", "Mulai lagi dari daftar program.")
CHANGES: Final = {"added": "bertambah", "removed": "berkurang", "moved": "pindah"}


class Row(GroupRow):
    """A line of the table of schools and groups: the group's figures, and what is told beside them."""

    id: str
    name: str
    about: str
    school_kind: str
    kecamatan: str
    next_visit: str
    next_day: str


def problem(problem: Mapping[str, Any]) -> tuple[str, str]:
    """A title for what went wrong, and what to do."""
    return PROBLEMS.get(problem["status"], OTHER_PROBLEM)


def rows(view: View) -> list[Row]:
    """Every listed school, and every group with a target or a recording: who needs most comes first."""
    lines = view.coverage.by_group
    following = next_by_group(view.visits, view.moment.as_of)
    groups = lines.keys() | {group_of(npsn) for npsn in view.schools}
    made = [_row(group, lines.get(group), view.schools, following.get(group)) for group in groups]
    return sorted(made, key=lambda row: (row.target is None, -(row.remaining or 0), row.excess or 0, row.name))


def _row(group: str, figures: GroupRow | None, schools: Mapping[str, SchoolListed], visit: Visit | None) -> Row:
    school = schools.get(npsn_of(group) or "")
    on = None if visit is None else visit.day
    return Row(
        **(line(None, 0)._asdict() if figures is None else figures.model_dump(exclude={"group", "name"})),
        id="g-" + group.replace(":", "-"),
        group=group,
        name=group_name(group, school),
        about=_about(group, school),
        school_kind="" if school is None else school.school_kind,
        kecamatan="" if school is None else school.kecamatan,
        next_visit="" if on is None else f"{words.weekday(on)[:3]}, {words.short_day(on)}",
        next_day="" if on is None else on.isoformat(),
    )


def _about(group: str, school: SchoolListed | None) -> str:
    if school is not None:
        return f"{school.school_kind} {OWNERSHIP[school.ownership]} · {school.kecamatan} · {school.npsn}"
    return "sekolah tidak terdaftar" if npsn_of(group) else "bukan sekolah"


def bars(view: View) -> list[Bar]:
    by_day = {row.day: row.recorded for row in view.by_day.rows if isinstance(row, DayRow)}
    return charts.bars(by_day, view.moment.as_of)


def group_name(group: str, school: SchoolListed | None) -> str:
    """The name of the group's school, if it is listed; or where outside schools."""
    if school is not None:
        return school.name
    if npsn := npsn_of(group):
        return f"Sekolah {npsn}"
    _, _, label = group.partition(":")
    return f"Di luar sekolah: {label.replace('-', ' ')}" if label else "Di luar sekolah"


def kinds(view: View) -> list[Share]:
    """The kinds of recording point, the largest first."""
    kind_rows = sorted((row for row in view.by_kind.rows if isinstance(row, KindRow)), key=lambda row: -row.recorded)
    most = kind_rows[0].recorded if kind_rows else 1
    return [Share(words.kind(row.kind), "", row.recorded, charts.width(row.recorded / most)) for row in kind_rows]


def domiciles(by_domicile: Coverage) -> list[Share]:
    """The second line: where those who count live."""
    domiciled = by_domicile.domiciled
    if domiciled is None:
        return []
    lines = [
        ("Di dalam wilayah", "in the region", domiciled.in_region),
        ("Di luar wilayah", "elsewhere", domiciled.elsewhere),
        ("Belum diketahui", "unknown", domiciled.unknown),
    ]
    whole = max(sum(n for _, _, n in lines), 1)
    return [Share(name, english, n, charts.width(n / whole)) for name, english, n in lines]


def visits(view: View) -> dict[str, list[dict[str, Any]]]:
    """The visits still planned, the next first; and the others, the last first."""
    planned = coming(view.visits, view.moment.as_of)
    ids = {visit.visit_id for visit in planned}
    past = [visit for visit in reversed(view.visits) if visit.visit_id not in ids]
    return {"coming": [_visit(view, visit) for visit in planned], "past": [_visit(view, visit) for visit in past]}


def _visit(view: View, visit: Visit) -> dict[str, Any]:
    starts, ends = (words.clock(instant, view.moment.campaign.zone) for instant in (visit.starts_at, visit.ends_at))
    names = [group_name(group, view.schools.get(npsn_of(group) or "")) for group in visit.groups]
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
    lines = []
    for outcome, (name, english) in words.OUTCOMES.items():
        sorts = [sort for sort in view.decisions if sort.outcome == outcome]
        reasons = [(words.reason(sort.reason), sort.n) for sort in sorts if sort.reason]
        lines.append({"name": name, "en": english, "n": sum(sort.n for sort in sorts), "reasons": reasons})
    return lines


def wrong(error: Mapping[str, str]) -> str:
    """What is wrong with a parameter of the address, in Indonesian."""
    detail = error["detail"]
    if "not known here" in detail:
        return "tidak dikenal di halaman ini."
    if "twice" in detail:
        return "disebut dua kali."
    if "after now" in detail:
        return "sesudah saat ini; belum ada yang diketahui."
    example = "2024-11-08" if error["parameter"] == "as_of" else "2024-11-08T09:00:00"
    return f"bukan waktu yang dapat dipakai; tulis seperti {example}, antara tahun 1970 dan 2200."
