"""What people see: progress, the figures of the cut-off, the schools, the late ones, the addresses."""

import os
import webbrowser
from pathlib import Path
from time import monotonic
from typing import Any, Final

from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from demo.addresses import Addresses
from demo.campaign import Campaign
from demo.driver import Sent
from demo.figures import Difference, Figures, percent
from demo.model import Plan
from demo.trickle import EVERY

CAUSES: Final = {
    "recorded": "terekam, terkirim belakangan / recorded, sent later",
    "earlier_recording": "rekaman lebih awal menyusul / an earlier recording followed",
    "voided": "dibatalkan sesudahnya / voided since",
    "restored": "dipulihkan sesudahnya / restored since",
    "reattributed": "dipindah ke sekolah lain / re-attributed since",
}
OUTCOMES: Final = {
    "counted": "terhitung / counted",
    "duplicate": "ganda / duplicate",
    "held": "ditahan / held",
    "rejected": "ditolak / rejected",
    "undecided": "belum diputuskan / undecided",
}
ELSEWHERE: Final = "Lainnya / elsewhere"
WIDE: Final = 156  # columns for two tables of schools side by side


class Progress:
    """A bar on a terminal, a line for each week elsewhere. Call it with how far the replay is."""

    def __init__(self, console: Console, total: int, browser: "Browser | None" = None) -> None:
        self._console, self._total, self._browser = console, total, browser
        self._began, self._week = monotonic(), -1
        self._bar = Bar(
            TextColumn("[bold]{task.fields[day]}"),
            BarColumn(bar_width=32, complete_style="magenta"),
            MofNCompleteColumn(),
            TextColumn("[cyan]{task.fields[rate]} /s[/]  terekam / recorded [bold green]{task.fields[recorded]}[/]"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total, day="memulai / starting", rate="–", recorded="–")

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, sent: Sent) -> None:
        if self._browser and sent.recorded:
            self._browser.open()
        rate = number(round(sent.sent / max(monotonic() - self._began, 0.001)))
        recorded = number(sent.recorded)
        self._bar.update(self._task, completed=sent.sent, day=f"{sent.day:%d %b %Y}", rate=rate, recorded=recorded)
        week = sent.day.isocalendar().week
        if not self._console.is_terminal and week != self._week:
            self._week = week
            done = f"{number(sent.sent)} of {number(sent.total)}"
            self._console.print(f"{sent.day}  {done} submissions, recorded {recorded}", highlight=False)


class Browser:
    """Opens the campaign's page, once, where somebody sits before a desktop."""

    def __init__(self, console: Console, where: Addresses, campaign: Campaign) -> None:
        desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        self._wanted = bool(desktop and console.is_terminal)
        self._address = _page(where, campaign)

    def open(self) -> None:
        if self._wanted:
            self._wanted = False
            webbrowser.open(self._address)


def page(console: Console, where: Addresses, campaign: Campaign) -> None:
    """The page's address, before the replay: it moves while that runs."""
    console.print(f"\nHalaman / page  [bold]{_page(where, campaign)}[/]", soft_wrap=True, highlight=False)
    console.print("[dim]bergerak selama peragaan / moves while the replay runs[/]\n")


def trouble(console: Console, line: str) -> None:
    """That a part of the stack has ended, or was started again."""
    console.print(f"[bold red]{escape(line)}[/]", soft_wrap=True, highlight=False)
    if " ended " in line:
        console.print("[red]Nyalakan lagi dengan / start it again with: make up[/]")


def staying(console: Console, *, ours: bool) -> None:
    """What goes on, and how it ends."""
    ends = "menghentikan semuanya / stops everything" if ours else "mengakhiri ini / ends this; the stack stays up"
    console.print(
        f"[dim]Satu orang lagi tiap {EVERY:.0f} detik / one more person every {EVERY:.0f} s. Ctrl-C {ends}.[/]"
    )


def number(value: int | None) -> str:
    """With a separator for thousands; a dash where nobody knows."""
    return "–" if value is None else f"{value:,}"


def replayed(console: Console, outcomes: dict[str, int], plan: Plan, seconds: float) -> None:
    """What became of the submissions, as the counters read it back."""
    parts = [f"{number(n)} {OUTCOMES.get(name, name)}" for name, n in outcomes.items() if n]
    console.print(
        f"\n[dim]{number(len(plan.submissions))} kiriman dari {len(plan.devices)} loket diputar dalam {seconds:.0f} s"
        f" / submissions of {len(plan.devices)} counters, replayed in {seconds:.0f} s:[/] {' · '.join(parts)}"
    )


def figures(console: Console, campaign: Campaign, answers: Figures, differences: list[Difference]) -> None:
    """The figures of the cut-off, and whether they are as published."""
    published = campaign.published
    head = Text.assemble(
        ("JEMPUT BOLA  ", "bold magenta"),
        (campaign.facts["name"], "bold"),
        f"\nPer {published.as_of:%d %b %Y} / as of the cut-off · {answers.schools} SMA & SMK",
    )
    console.print()
    console.print(Panel(Group(head, _headline(campaign, answers)), box=box.ROUNDED, expand=False))
    gap = answers.then["total"]["unallocated"]
    console.print(
        f"[bold]{number(gap)}[/] tidak dijelaskan oleh sumber mana pun, maka tidak dibagi"
        " / explained by no source, so shown and never spread.\n"
        "[dim]Pembagian ke sekolah, nama dan NPSN adalah simulasi"
        " / the split over the schools, their names and NPSN are simulated.[/]\n"
    )
    _schools(console, answers)
    _late(console, answers)
    if differences:
        console.print("[bold red]Berbeda dari yang dipublikasikan / different from what was published:[/]")
        for figure in differences:
            console.print(f"  [red]{figure.name}[/]: answered {figure.answered}, expected {figure.expected}")
    else:
        console.print("[bold green]✓ Semua angka terbit terpenuhi / every published figure is met.[/]")


def addresses(console: Console, where: Addresses, campaign: Campaign) -> None:
    day = campaign.published.as_of
    lines = {
        "Halaman / page": _page(where, campaign),
        "  per cut off": f"{where.reporting}/campaigns/{campaign.facts['slug']}?as_of={day}&known_at={day}T23:59:59",
        "Cakupan / coverage": f"{where.reporting}/v1/campaigns/{campaign.facts['slug']}/coverage?as_of={day}",
        "API reporting": f"{where.reporting}/openapi.json",
        "API enrollment": f"{where.enrollment}/openapi.json",
        "API scheduling": f"{where.scheduling}/openapi.json",
        "Kafka": where.kafka,
    }
    if where.env_file:
        lines["Semua / all of them"] = f"set -a; . {_short(where.env_file)}; set +a"
    console.print()
    for name, address in lines.items():
        console.print(f"[dim]{name:<20}[/] [bold]{address}[/]", soft_wrap=True, highlight=False)


def _page(where: Addresses, campaign: Campaign) -> str:
    return f"{where.reporting}/campaigns/{campaign.facts['slug']}"


def _headline(campaign: Campaign, answers: Figures) -> Table:
    published = campaign.published.figures
    then, now = answers.then, answers.now
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("hari itu\nknown then", justify="right", style="bold")
    table.add_column("sekarang\nknown now", justify="right")
    table.add_column("terbit\npublished", justify="right", style="dim")
    for label, name in (
        ("Target", "target"),
        ("Terekam / recorded", "recorded"),
        ("Kurang / short", "remaining"),
        ("Terbagi / allocated", "allocated"),
        ("Belum terbagi / unallocated", "unallocated"),
    ):
        share = {"recorded": " ({})"}.get(name, "")
        cells = [number(t[name]) + share.format(percent(t["coverage"])) for t in (then["total"], now["total"])]
        told = number(published[name]) if name != "unallocated" else "–"
        if name == "recorded":
            told += f" ({campaign.published.coverage_percent:.1f} %)"
        table.add_row(label, *cells, told, style="green" if name == "recorded" else None)
    cells = [number(persons["in_region"]) for persons in answers.domiciled]
    table.add_section()
    table.add_row("… tinggal di kota / living in the city", *cells, "–", style="dim")
    return table


def _schools(console: Console, answers: Figures) -> None:
    """Every group with a target or a recording, by kecamatan; the last line is the sum of all."""
    now = {row["group"]: row["recorded"] for row in answers.now["rows"]}
    by_place: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(
        answers.then["rows"], key=lambda row: (row["target"] is None, str(row.get("name") or row["group"]))
    ):
        by_place.setdefault(answers.kecamatan.get(row["group"], ELSEWHERE), []).append(row)
    lines: list[list[Text]] = []
    for place, rows in sorted(by_place.items(), key=lambda item: (item[0] == ELSEWHERE, item[0])):
        lines.append(_sum(place, rows, now))
        lines += [_line(row, now.get(row["group"], 0)) for row in rows]
    lines.append(_sum("Jumlah / sum", answers.then["rows"], now, "bold magenta"))
    columns = 2 if console.width >= WIDE else 1
    height = -(-len(lines) // columns)
    lines += [[Text()] * 5] * (columns * height - len(lines))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.title = "Sekolah dan kelompok / schools and groups"
    for _ in range(columns):
        table.add_column("sekolah / school", no_wrap=True)
        for name in ("target", "terekam", "kini*"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("cakupan", no_wrap=True)
    for at in range(height):
        table.add_row(*(cell for line in lines[at::height] for cell in line))
    console.print(table)
    console.print("[dim]* terekam menurut yang diketahui sekarang / recorded, as known now[/]\n")


def _line(row: dict[str, Any], now: int) -> list[Text]:
    return [
        Text(f"  {row.get('name') or row['group']}"),
        Text(number(row["target"])),
        Text(number(row["recorded"])),
        Text(number(now), style="yellow" if now != row["recorded"] else "dim"),
        _bar(row["coverage"]),
    ]


def _sum(name: str, rows: list[dict[str, Any]], now: dict[str, int], style: str = "bold cyan") -> list[Text]:
    target, recorded = sum(row["target"] or 0 for row in rows), sum(row["recorded"] for row in rows)
    numbers = (target or None, recorded, sum(now.get(row["group"], 0) for row in rows))
    return [Text(name, style=style), *(Text(number(value), style=style) for value in numbers), Text()]


def _bar(coverage: float | None) -> Text:
    if coverage is None:
        return Text("")
    full = min(round(coverage * 8), 8)
    colour = "magenta" if coverage > 1 else "green" if coverage >= 0.7 else "yellow" if coverage >= 0.5 else "red"
    return Text.assemble(("━" * full, colour), ("━" * (8 - full), "grey30"), f" {percent(coverage):>7}")


def _late(console: Console, answers: Figures) -> None:
    """Why the figures of that day are others now."""
    signs = {"added": "+", "removed": "−", "moved": "±"}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.title = "Terlambat masuk / late: changed since"
    table.add_column("orang / persons", justify="right", style="bold yellow")
    table.add_column("sebab / cause")
    for row in answers.late["causes"]:
        table.add_row(f"{signs[row['change']]}{row['persons']}", CAUSES.get(row["cause"], str(row["cause"])))
    difference = answers.now["total"]["recorded"] - answers.then["total"]["recorded"]
    table.add_section()
    table.add_row(f"{difference:+}", "seluruhnya / in all", style="bold")
    console.print(table)


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
