"""Where recordings are taken: visits to schools in three rounds, sessions, and the counters that are always there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Final

from demo.campaign import Campaign
from demo.model import School, Sitting, Visit
from demo.outreach import Outreach, weekdays
from demo.seats import Seats

FIRST_ROUND: Final = (date(2024, 9, 23), date(2024, 10, 25))
SECOND_ROUND: Final = (date(2024, 10, 28), date(2024, 11, 6))
THIRD_ROUND: Final = (date(2024, 11, 11), date(2024, 11, 26))
NO_NETWORK: Final = {"20599939": date(2024, 11, 7), "20599950": date(2024, 11, 8)}
CANCELLED: Final = ("20599932", date(2024, 10, 31), 90)


@dataclass
class Sittings:
    """All sittings, and how many persons each school visit is to bring."""

    visits: list[Visit] = field(default_factory=list)
    at_school: dict[str, list[tuple[Sitting, int]]] = field(default_factory=dict)
    no_network: dict[str, Sitting] = field(default_factory=dict)
    sessions: dict[str, list[Sitting]] = field(default_factory=dict)


def plan(
    campaign: Campaign,
    random: Random,
    before: Mapping[School, int],
    after: Mapping[School, int],
    late: Mapping[str, int],
) -> Sittings:
    """Visits for those recorded `before` and `after` the cut-off; `late` at the schools without network."""
    outreach = Outreach(campaign, random)
    schools = {school.npsn: school for school in campaign.schools}
    missing = sorted(before, key=lambda s: before[s] - s.target)
    second = {s: round(before[s] * 0.22) for s in missing[:26] if s.npsn not in NO_NETWORK}
    first = {s: round(number * (0.62 if s in second else 0.82)) for s, number in before.items()}
    third = {s: round(after[s] * 0.5) for s in missing[:34] if s.network != "none" and after[s] >= 8}

    alone = {npsn: outreach.single(schools[npsn], day, late[npsn]) for npsn, day in NO_NETWORK.items()}
    npsn, day, expected = CANCELLED
    rounds = [
        outreach.disturb(outreach.round(first, weekdays(*FIRST_ROUND))),
        outreach.round(second, weekdays(*SECOND_ROUND)),
        outreach.round(third, weekdays(*THIRD_ROUND)),
    ]
    sittings = Sittings(no_network={npsn: planned.visit.sitting for npsn, planned in alone.items()})
    for planned in (planned for round_ in rounds for planned in round_):
        school = schools[planned.visit.groups[0].removeprefix("npsn:")]
        sittings.at_school.setdefault(school.npsn, []).append((planned.visit.sitting, planned.recorded))
        sittings.visits.append(outreach.completed(planned.visit, planned.recorded, school))
    sittings.visits += [outreach.completed(p.visit, p.recorded, schools[npsn]) for npsn, p in alone.items()]
    sittings.visits.append(outreach.cancelled(schools[npsn], day, expected))
    for session in campaign.sessions:
        for on in session["days"]:
            visit = outreach.session(session, on)
            sittings.visits.append(outreach.completed(visit, 0, None))
            sittings.sessions.setdefault(session["kind"], []).append(visit.sitting)
    return sittings


class Elsewhere:
    """Draws a sitting outside the schools, between two days."""

    def __init__(self, campaign: Campaign, seats: Seats, sittings: Sittings, random: Random) -> None:
        self._campaign, self._seats, self._sittings, self._random = campaign, seats, sittings, random

    def any(self, first: date, last: date, *, session: float) -> Sitting:
        """With probability `session` one of the planned sessions of those days, else a counter on a working day."""
        planned = [
            sitting
            for sittings in self._sittings.sessions.values()
            for sitting in sittings
            if first <= sitting.starts_at.date() <= last
        ]
        if planned and self._random.random() < session:
            weights = [3 if sitting.kind == "mpp" else 1 for sitting in planned]
            return self._random.choices(planned, weights)[0]
        return self.counter(first, last)

    def counter(self, first: date, last: date, kind: str | None = None) -> Sitting:
        """The office or the MPP on a working day of those."""
        days = weekdays(first, min(last, self._campaign.facts["voting_day"] - timedelta(days=1)))
        return self._seats.counter(kind or self._random.choice(("office", "mpp")), self._random.choice(days))

    def session(self, kind: str, day: date) -> Sitting:
        return next(s for s in self._sittings.sessions[kind] if s.starts_at.date() == day)
