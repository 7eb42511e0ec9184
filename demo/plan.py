"""The whole replay, made from a seed: who is recorded where and when, fitted to the published figure. Pure.

What is published decides the sum; everything else here is simulated. Whether the running system arrives at the sum is
for the system to show: nothing of this file reaches its answers.
"""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Final

from demo import quotas, sittings
from demo.campaign import Campaign, load
from demo.cases import Cases
from demo.model import Person, Plan, Submission
from demo.outreach import weekdays
from demo.people import People
from demo.seats import Seats
from demo.sittings import NO_NETWORK, Elsewhere, Sittings

MPP_WEEKEND: Final = date(2024, 11, 9)


def build(campaign: Campaign | None = None) -> Plan:
    """The same plan every time: the seed is in cases.toml."""
    return _Planner(campaign or load()).build()


def without(plan: Plan, submission_id: str) -> Plan:
    return replace(plan, submissions=tuple(s for s in plan.submissions if s.submission_id != submission_id))


class _Planner:
    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._facts, self._cases = campaign.facts, campaign.cases
        self._random = Random(self._cases["seed"])  # noqa: S311 - simulated data
        self._people = People(self._random, self._facts["voting_day"], self._cases["shares"])
        self._seats = Seats(campaign, self._random)
        self._cut_off: date = campaign.published.as_of

    def build(self) -> Plan:
        outside: dict[str, int] = self._cases["outside"]
        before = quotas.by_the_cut_off(
            self._campaign, self._random, self._campaign.published.figures["recorded"] - sum(outside.values())
        )
        late = self._late_at_schools()
        recorded = {school: number + late.get(school.npsn, 0) for school, number in before.items()}
        total_after: int = self._cases["after_the_cut_off"]["persons"]
        outside_after = quotas.shared(total_after // 8, outside)
        after = quotas.after_the_cut_off(self._random, total_after - sum(outside_after.values()), recorded)
        planned = sittings.plan(self._campaign, self._random, before, after, late)
        elsewhere = Elsewhere(self._campaign, self._seats, planned, self._random)

        days = (self._facts["drive_from"], self._cut_off)
        days_after = (self._cut_off + timedelta(days=1), self._facts["voting_day"])
        base = self._at_schools(planned, self._cut_off, last=True)
        base += self._elsewhere(elsewhere, _left({s.group: n for s, n in before.items()} | outside, base), days)
        rest = self._at_schools(planned, self._cut_off, last=False)
        rest += self._elsewhere(
            elsewhere, _left({s.group: n for s, n in after.items()} | outside_after, rest), days_after
        )

        cases = Cases(self._campaign, self._random, self._people, self._seats, elsewhere, base)
        cases.lay()
        for submission in [*rest, *self._no_network(planned, elsewhere, late), *self._before_the_drive(elsewhere)]:
            cases.put(submission)
        return Plan(
            devices=self._campaign.devices,
            statements=self._campaign.statements,
            targets=self._campaign.targets,
            visits=tuple(planned.visits),
            submissions=tuple(sorted(cases.submissions.values(), key=lambda s: (s.replayed_at, s.submission_id))),
            corrections=tuple(sorted(cases.corrections, key=lambda c: c.known_at)),
        )

    def _late_at_schools(self) -> dict[str, int]:
        """Persons recorded at each school without network, on 7 and 8 November."""
        late = self._cases["late"]
        first, second = NO_NETWORK
        share: int = late["no_network"] * 2 // 5
        return {first: share, second: late["no_network"] - share + late["earlier_recording"]}

    def _at_schools(self, planned: Sittings, cut_off: date, *, last: bool) -> list[Submission]:
        """Those recorded at visits until the cut-off (`last`), or after it."""
        return [
            self._seats.take(self._people.voter(), school.group, sitting)
            for school in self._campaign.schools
            for sitting, number in planned.at_school.get(school.npsn, [])
            if (sitting.starts_at.date() <= cut_off) is last
            for _ in range(number)
        ]

    def _elsewhere(self, elsewhere: Elsewhere, groups: dict[str, int], days: tuple[date, date]) -> list[Submission]:
        """Those recorded at the office, at the MPP, at special events. Later the MPP's weekends bring many."""
        session = 0.15 if days[1] <= self._cut_off else 0.6
        return [
            # Who says no school is a walk-in: the submission holds no group.
            self._seats.take(
                self._people.voter(), None if group == "outside" else group, elsewhere.any(*days, session=session)
            )
            for group, number in groups.items()
            for _ in range(number)
        ]

    def _no_network(self, planned: Sittings, elsewhere: Elsewhere, late: dict[str, int]) -> list[Submission]:
        """Recorded by the cut-off, known after it. Some came to the MPP on the 9th, because nobody could confirm it."""
        taken = [
            self._seats.take(self._people.voter(), f"npsn:{npsn}", planned.no_network[npsn], "no_network")
            for npsn, number in late.items()
            for _ in range(number)
        ]
        weekend = elsewhere.session("mpp", MPP_WEEKEND)
        return taken + [
            self._seats.take(first.person, first.group, weekend, "earlier_recording")
            for first in taken[-self._cases["late"]["earlier_recording"] :]
        ]

    def _before_the_drive(self, elsewhere: Elsewhere) -> list[Submission]:
        """Recorded at the office in September, before the drive: they stand, and count towards no target."""
        facts = self._cases["before_the_drive"]
        days = weekdays(date(2024, 9, 2), self._facts["drive_from"] - timedelta(days=1))
        persons: list[tuple[Person, str]] = [
            (self._people.voter(), self._random.choice(self._campaign.schools).group) for _ in range(facts["persons"])
        ]
        taken = [
            self._seats.take(
                person, group, self._seats.counter("office", self._random.choice(days)), "before_the_drive"
            )
            for person, group in persons
        ]
        return taken + [
            self._seats.take(
                person, group, elsewhere.counter(self._facts["drive_from"], self._cut_off), "before_the_drive_again"
            )
            for person, group in persons[: facts["recorded_again"]]
        ]


def _left(groups: dict[str, int], taken: list[Submission]) -> dict[str, int]:
    """How many of each group are still to be recorded."""
    done = Counter(submission.group for submission in taken)
    return {group: number - done[group] for group, number in groups.items()}
