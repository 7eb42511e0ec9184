"""The campaign's data files, read and typed. Nothing is computed here but ids and the schools' target decisions."""

import csv
import tomllib
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from demo.model import Device, School, Statement, Target

DATA: Final = Path(__file__).parent / "data"


def uuid7(at: datetime, random: Random) -> str:
    """A UUIDv7 of that instant whose random bits come from the seed: the same plan has the same ids."""
    milliseconds = int(at.timestamp() * 1000)
    value = milliseconds << 80 | 0x7 << 76 | random.getrandbits(12) << 64 | 0b10 << 62 | random.getrandbits(62)
    return str(UUID(int=value))


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / name).read_text())


@dataclass(frozen=True)
class Published:
    """The figures to meet, and the instant of the cut-off."""

    as_of: date
    known_at: datetime
    figures: dict[str, int]
    coverage_percent: float


@dataclass(frozen=True)
class Campaign:
    """Everything in `demo/data`."""

    facts: dict[str, Any]
    cases: dict[str, Any]

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.facts["zone"])

    def at(self, day: date, hour: int, minute: int = 0) -> datetime:
        """That hour of that day in the campaign's zone."""
        return datetime.combine(day, time(hour, minute), self.zone)

    @cached_property
    def schools(self) -> tuple[School, ...]:
        with (DATA / "schools.csv").open(newline="") as file:
            return tuple(
                School(
                    npsn=row["npsn"],
                    name=row["name"],
                    school_kind=row["school_kind"],
                    ownership="public" if row["ownership"] == "public" else "private",
                    kecamatan=row["kecamatan"],
                    latitude=float(row["latitude"]),
                    longitude=float(row["longitude"]),
                    network=row["network"],
                    target=int(row["target"]),
                )
                for row in csv.DictReader(file)
            )

    @cached_property
    def published(self) -> Published:
        data = _toml("published.toml")
        cut_off, outreach = data["cut_off"], data["outreach"]
        return Published(
            as_of=cut_off["as_of"],
            known_at=cut_off["known_at"],
            figures={
                "target": cut_off["target"],
                "recorded": cut_off["recorded"],
                "remaining": cut_off["remaining"],
                "allocated": outreach["allocated"],
                "unallocated": data["derived"]["unallocated"],
                "schools": outreach["schools"],
            },
            coverage_percent=cut_off["coverage_percent"],
        )

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """The published statements, entered at eight on the day they were made."""
        random = Random(self.cases["seed"])  # noqa: S311 - simulated data
        entered = [
            (self.at(row["stated_on"], 8, number), row)
            for number, row in enumerate(_toml("statements.toml")["statement"])
        ]
        return tuple(Statement(statement_id=uuid7(at, random), known_at=at, **row) for at, row in entered)

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """The decisions for the campaign and for each school, in the order in which they were taken."""
        data = _toml("targets.toml")
        ids = {statement.label: statement.statement_id for statement in self.statements}
        rows = list(data["decision"])
        moved = data["moved"]
        shift = {moved["from_npsn"]: moved["students"], moved["to_npsn"]: -moved["students"]}
        rows += [
            {**data["schools"], "scope": school.group, "value": school.target + shift.get(school.npsn, 0)}
            for school in self.schools
        ]
        rows += [
            {**data["schools"], "scope": school.group, "value": school.target}
            | {name: moved[name] for name in ("effective_from", "known_at", "reason")}
            for school in self.schools
            if school.npsn in shift
        ]
        rows.sort(key=lambda row: row["known_at"])
        return tuple(
            Target(
                scope=row["scope"],
                value=row["value"],
                effective_from=row["effective_from"],
                counting_from=row.get("counting_from"),
                known_at=row["known_at"],
                based_on=tuple(ids[label] for label in row["based_on"]),
                split=row["split"],
                reason=row["reason"],
            )
            for row in rows
        )

    @cached_property
    def sessions(self) -> list[dict[str, Any]]:
        """Sessions outside the schools: MPP weekends, special events, the office on Saturdays and on voting day."""
        return list(_toml("sessions.toml")["session"])

    @cached_property
    def devices(self) -> tuple[Device, ...]:
        """The counters: the office's, the MPP's, those of the sets, those for special events."""
        counters, office, mpp = self.facts["counters"], self.facts["office"], self.facts["mpp"]
        devices = [Device(f"office-{n:02}", "office", office) for n in range(1, counters["office"] + 1)]
        devices += [Device(f"mpp-{n:02}", "mpp", mpp) for n in range(1, counters["mpp"] + 1)]
        devices += [
            Device(f"set-{number}-{letter}", "school_visit", f"Set {number}")
            for number in range(1, self.facts["sets"] + 1)
            for letter in "abcdefgh"[: counters["per_set"]]
        ]
        devices += [
            Device(f"event-{n:02}", "special_event", "Acara khusus") for n in range(1, counters["special_event"] + 1)
        ]
        devices += [
            Device(f"training-{n:02}", "office", office, foreign_key=True) for n in range(1, counters["training"] + 1)
        ]
        return tuple(devices)

    def open_counters(self, places: tuple[str, ...], day: date, number: int) -> tuple[str, ...]:
        """So many of the devices of these places or sets, in turn from day to day."""
        prefixes = tuple(f"{place}-" for place in places)
        names = [device.name for device in self.devices if device.name.startswith(prefixes)]
        first = day.toordinal() * number % len(names)
        return tuple((names + names)[first : first + min(number, len(names))])


def load() -> Campaign:
    return Campaign(facts=_toml("campaign.toml"), cases=_toml("cases.toml"))
