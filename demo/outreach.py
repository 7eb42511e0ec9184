"""The visits: which sets go to which schools on which day, what is moved, what is cancelled. Simulated."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from random import Random
from typing import Final

from demo.campaign import Campaign, uuid7
from demo.model import School, Sitting, Visit, VisitStep

SLOTS: Final = ((8, 0), (10, 30), (13, 0))
HOURS_AT_A_SCHOOL: Final = 2
RESCHEDULED: Final = 4
PERSONS_A_COUNTER: Final = 15


@dataclass(frozen=True)
class Planned:
    """A visit and how many persons are to be recorded at it."""

    visit: Visit
    recorded: int


def weekdays(first: date, last: date) -> list[date]:
    """Monday to Friday from first to last."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5]


def sets(numbers: Iterable[int]) -> tuple[str, ...]:
    return tuple(f"set-{number}" for number in numbers)


class Outreach:
    """Hands out days to the three teams; a team goes once a day, to at most three near schools."""

    def __init__(self, campaign: Campaign, random: Random) -> None:
        self._campaign = campaign
        self._random = random
        self._teams = [sets(numbers) for numbers in campaign.facts["teams"]]
        self._taken: set[tuple[date, tuple[str, ...]]] = set()

    def round(self, wanted: dict[School, int], days: list[date]) -> list[Planned]:
        """Visits each school once, so many persons as wanted, spread over the days."""
        tours = list(self._tours(wanted))
        self._random.shuffle(tours)
        planned: list[Planned] = []
        for number, tour in enumerate(tours):
            day = days[number * len(days) // len(tours)]
            team = self._free(day, number)
            planned += [
                Planned(self._visit(school, day, team, slot, wanted[school]), wanted[school])
                for school, slot in zip(tour, SLOTS, strict=False)
            ]
        return planned

    def single(self, school: School, day: date, recorded: int) -> Planned:
        return Planned(self._visit(school, day, self._free(day, 1), SLOTS[0], recorded), recorded)

    def session(self, session: dict[str, object], day: date) -> Visit:
        """A session outside the schools: nothing is known of who comes, so it holds no groups."""
        team = sets(session["sets"])  # type: ignore[arg-type]
        kind, place = str(session["kind"]), str(session["place"])
        own = {"mpp": "mpp", "office": "office", "special_event": "event"}[kind]
        devices = self._campaign.open_counters((*team, own), day, _counters(int(str(session["expected"]))))
        starts, ends = self._campaign.at(day, 8), self._campaign.at(day, 14)
        visit_id = uuid7(self._entered(day), self._random)
        sitting = Sitting(kind, place, starts, ends, devices, session_id=uuid7(starts, self._random))
        return self._scheduled(visit_id, (), day, team, sitting, session["expected"])

    def disturb(self, planned: list[Planned]) -> list[Planned]:
        """Some visits were first planned for another day: exams, internships."""
        chosen = {p.visit.visit_id for p in self._random.sample(planned, RESCHEDULED)}
        return [replace(p, visit=self._moved(p.visit)) if p.visit.visit_id in chosen else p for p in planned]

    def cancelled(self, school: School, day: date, expected: int) -> Visit:
        """A visit that never took place: the class is on internship and is sent to the MPP's weekend instead."""
        visit = self._visit(school, day, self._free(day, 2), SLOTS[0], expected)
        at = self._campaign.at(day - timedelta(days=1), 13)
        step = VisitStep(
            at, "cancel", visit.visit_id, {"reason": "PKL: siswa diarahkan ke MPP Sabtu-Minggu / internship"}
        )
        return replace(visit, steps=(*visit.steps, step), cancelled=True)

    def completed(self, visit: Visit, recorded: int, school: School | None) -> Visit:
        """The visit took place; the team's form says by reason who was missed. A session expects nobody by name."""
        expected = visit.steps[0].body["expected"]
        missed = _missed(int(str(expected)) - recorded, school) if school else {}
        at = visit.sitting.ends_at + timedelta(minutes=90)
        return replace(
            visit, steps=(*visit.steps, VisitStep(at, "complete", visit.visit_id, {"missed": missed} if missed else {}))
        )

    def _tours(self, wanted: dict[School, int]) -> Iterator[list[School]]:
        """Near schools together (the same kecamatan), three at most, and no more persons than two sets can record."""
        most = 2 * int(self._campaign.facts["per_set_and_day"])
        ordered = sorted(wanted, key=lambda school: (school.kecamatan, -wanted[school], school.npsn))
        for _, near in groupby(ordered, key=lambda school: school.kecamatan):
            tour: list[School] = []
            for school in near:
                if tour and (len(tour) == 3 or sum(wanted[s] for s in tour) + wanted[school] > most):
                    yield tour
                    tour = []
                tour.append(school)
            yield tour

    def _free(self, day: date, first: int) -> tuple[str, ...]:
        teams = self._teams[first % len(self._teams) :] + self._teams[: first % len(self._teams)]
        team = next(team for team in teams if (day, team) not in self._taken)
        self._taken.add((day, team))
        return team

    def _entered(self, day: date) -> datetime:
        """A week ahead, but not before the drive was announced."""
        first = self._campaign.facts["drive_from"]
        return self._campaign.at(max(day - timedelta(days=7), first), 16, self._random.randrange(50))

    def _visit(self, school: School, day: date, team: tuple[str, ...], slot: tuple[int, int], recorded: int) -> Visit:
        starts = self._campaign.at(day, *slot)
        sitting = Sitting(
            "school_visit",
            school.name,
            starts,
            starts + timedelta(hours=HOURS_AT_A_SCHOOL),
            self._campaign.open_counters(team, day, _counters(recorded)),
            school.network,
            uuid7(starts, self._random),
        )
        visit_id = uuid7(self._entered(day), self._random)
        # A school booked for 100 brings 80; SMK students on internship bring far fewer.
        turnout = 0.8 if school.school_kind == "SMA" else 0.58
        return self._scheduled(visit_id, (school.group,), day, team, sitting, round(recorded / turnout))

    def _scheduled(
        self,
        visit_id: str,
        groups: tuple[str, ...],
        day: date,
        team: tuple[str, ...],
        sitting: Sitting,
        expected: object,
    ) -> Visit:
        body: dict[str, object] = {
            "visit_id": visit_id,
            "kind": sitting.kind,
            "groups": list(groups),
            "place": sitting.place,
            "day": day.isoformat(),
            "starts_at": sitting.starts_at.isoformat(),
            "ends_at": sitting.ends_at.isoformat(),
            "sets": list(team),
            "expected": expected,
        }
        schedule = VisitStep(self._entered(day), "schedule", visit_id, body)
        return Visit(visit_id, groups, day, team, sitting, (schedule,))

    def _moved(self, visit: Visit) -> Visit:
        """As planned for a day on which the team was free, and moved two days before it."""
        step = visit.steps[0]
        first = next(
            day
            for day in (visit.day - timedelta(days=n) for n in range(3, 30))
            if day.weekday() < 5 and (day, visit.sets) not in self._taken
        )
        self._taken.add((first, visit.sets))
        hours = {name: datetime.fromisoformat(str(step.body[name])) for name in ("starts_at", "ends_at")}
        earlier: dict[str, object] = {name: (at - (visit.day - first)).isoformat() for name, at in hours.items()}
        planned = VisitStep(
            self._entered(first), "schedule", visit.visit_id, {**step.body, **earlier, "day": first.isoformat()}
        )
        again: dict[str, object] = {name: step.body[name] for name in ("day", "starts_at", "ends_at")}
        moved_at = max(self._campaign.at(first - timedelta(days=1), 11), planned.known_at + timedelta(hours=1))
        return replace(visit, steps=(planned, VisitStep(moved_at, "reschedule", visit.visit_id, again)))


def _counters(persons: int) -> int:
    """As many counters as so many persons need."""
    return max(2, persons // PERSONS_A_COUNTER)


def _missed(number: int, school: School) -> dict[str, int]:
    """Counts by reason, as a team's form gives them."""
    shares = {"internship": 0.5, "absent": 0.8, "documents_missing": 0.93, "refused": 0.97, "device_fault": 1.0}
    if school.school_kind == "SMA":
        shares = {"absent": 0.7, "documents_missing": 0.92, "refused": 0.97, "device_fault": 1.0}
    ends = [round(number * share) for share in shares.values()]
    counts = Counter(dict(zip(shares, (b - a for a, b in pairwise([0, *ends])), strict=True)))
    return {reason: count for reason, count in counts.items() if count > 0}
