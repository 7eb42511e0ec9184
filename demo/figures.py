"""What reporting answers about the cut-off, beside what was published. Nothing is computed here but the comparison."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from demo.campaign import Published
from demo.errors import DemoError
from demo.office import Office


@dataclass(frozen=True)
class Figures:
    """The answers as known at the cut-off and as known now, and what makes the difference between them.

    `kecamatan` is by group; `domiciled` tells for both answers where the persons live.
    """

    then: dict[str, Any]
    now: dict[str, Any]
    late: dict[str, Any]
    kecamatan: dict[str, str]
    domiciled: tuple[dict[str, int], ...]

    @property
    def schools(self) -> int:
        """How many schools have a target in force."""
        rows = self.then["rows"]
        return sum(1 for row in rows if row["group"].startswith("npsn:") and row["target"] is not None)


@dataclass(frozen=True)
class Difference:
    """A figure that is not as published; `expected` may also be what the rows add up to."""

    name: str
    answered: object
    expected: object


async def ask(office: Office, published: Published) -> Figures:
    then = await office.coverage(published.as_of, published.known_at)
    now = await office.coverage(published.as_of)
    if then is None or now is None:
        raise DemoError("reporting does not know the campaign")
    schools = await office.schools()
    return Figures(
        then,
        now,
        await office.late(published.as_of, published.known_at),
        {row["group"]: row["kecamatan"] for row in schools.get("schools", []) if row["kecamatan"]},
        tuple([await office.domiciled(published.as_of, known_at) for known_at in (published.known_at, None)]),
    )


def compare(figures: Figures, published: Published) -> list[Difference]:
    """Every figure that is not as published, and every sum that does not come out."""
    total, rows = figures.then["total"], figures.then["rows"]
    answered = {name: total[name] for name in ("target", "recorded", "remaining", "allocated", "unallocated")}
    answered["schools"] = figures.schools
    differences = [
        Difference(name, answered[name], expected)
        for name, expected in published.figures.items()
        if answered[name] != expected
    ]
    if percent(total["coverage"]) != f"{published.coverage_percent:.1f} %":
        differences.append(Difference("coverage", percent(total["coverage"]), f"{published.coverage_percent:.1f} %"))
    sums: Counter[str] = Counter()
    for row in rows:
        sums["recorded"] += row["recorded"]
        sums["allocated"] += row["target"] or 0
    differences += [
        Difference(f"{name} of all rows", summed, total[name]) for name, summed in sums.items() if summed != total[name]
    ]
    return differences


def percent(coverage: float | None) -> str:
    """As people write it; without a target nobody knows."""
    return "–" if coverage is None else f"{100 * coverage:.1f} %"
