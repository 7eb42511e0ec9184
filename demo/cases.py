"""What goes wrong in a real drive, laid over what counts: late, twice, out of order, voided, re-attributed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random

from demo.campaign import Campaign
from demo.model import Action, Correction, Person, Submission
from demo.outreach import weekdays
from demo.people import People
from demo.seats import Seats
from demo.sittings import Elsewhere

Fits = Callable[[Submission], bool]


class Cases:
    """Takes each plain submission at most once, so that no two cases meet in one person."""

    def __init__(
        self,
        campaign: Campaign,
        random: Random,
        people: People,
        seats: Seats,
        elsewhere: Elsewhere,
        base: list[Submission],
    ) -> None:
        self._campaign, self._random = campaign, random
        self._people, self._seats, self._elsewhere = people, seats, elsewhere
        self._pool = list(base)
        random.shuffle(self._pool)
        self._cut_off: date = campaign.published.as_of
        self.submissions = {submission.submission_id: submission for submission in base}
        self.corrections: list[Correction] = []

    def lay(self) -> None:
        """Lays all cases of cases.toml but those of the schools without network."""
        within, besides, late = (self._campaign.cases[name] for name in ("within", "besides", "late"))
        for case, make in (("married", self._people.married), ("birth_date_differs", self._people.mistaken)):
            for first in self._some(within[case], case):
                self.put(replace(first, person=make(), case=case))
        for first in self._some(within["sent_twice"], "sent_twice"):
            self.put(replace(first, sent_twice=True, case="sent_twice"))
        for first in self._some(within["duplicates"], "duplicates"):
            self._later(first, "duplicate", within_days=25)
        for first in self._some(within["out_of_order"], "out_of_order", self._early_at_a_counter):
            self._earlier(first)
        for first in self._some(within["voided_and_promoted"], "voided", self._early):
            second = self._later(first, "promoted", within_days=6)
            self._correct("void", first, second.replayed_at, 1, "Foto tidak terbaca / the photograph cannot be read")
        for first in self._some(within["voided_and_restored"], "voided", self._early):
            self._correct("void", first, first.replayed_at, 1, "Dikira orang lain / taken for somebody else")
            self._correct("restore", first, first.replayed_at, 5, "Ternyata benar / it was right after all")
        self._clocks(within["clock_reset"], within["clock_ahead"])
        for first in self._some(within["wrong_key"], "wrong_key", lambda s: s.kind == "office"):
            at = first.recorded_at - timedelta(minutes=20)
            self.put(
                replace(self._seats.again(first, at, at + timedelta(seconds=30), "wrong_key"), device="training-01")
            )
        self._reattribute(within["reattributed"], within["reattributed_after"])
        self._beside(besides, late)

    def _some(self, number: int, case: str, fits: Fits = lambda s: True) -> list[Submission]:
        chosen = [s for s in self._pool if fits(s) and s.group is not None][:number]
        if len(chosen) < number:
            raise ValueError(f"not enough recordings for the case {case}")
        taken = {s.submission_id for s in chosen}
        self._pool = [s for s in self._pool if s.submission_id not in taken]
        return chosen

    def put(self, submission: Submission) -> Submission:
        """Adds a submission, or replaces the one of the same id."""
        self.submissions[submission.submission_id] = submission
        return submission

    def _early(self, submission: Submission) -> bool:
        """Long before the cut-off, and known on the same day."""
        day = submission.recorded_at.date()
        return day == submission.replayed_at.date() and day <= self._cut_off - timedelta(days=14)

    def _early_at_a_counter(self, submission: Submission) -> bool:
        weekday_counter = submission.kind in {"office", "mpp"} and submission.session_id is None
        first = self._campaign.facts["drive_from"] + timedelta(days=6)
        return weekday_counter and self._early(submission) and submission.recorded_at.date() >= first

    def _later(self, first: Submission, case: str, *, within_days: int) -> Submission:
        """The same person again, at another counter on a later day."""
        day = first.recorded_at.date()
        last = min(day + timedelta(days=within_days), self._campaign.facts["voting_day"] - timedelta(days=1))
        sitting = self._elsewhere.counter(day + timedelta(days=1), last)
        return self.put(self._seats.take(first.person, first.group, sitting, case))

    def _earlier(self, first: Submission) -> None:
        """A recording of some days before, at a counter whose network was down: it arrives after the later one."""
        day = first.recorded_at.date()
        sitting = self._elsewhere.counter(day - timedelta(days=5), day - timedelta(days=1), "office")
        before = self._seats.take(first.person, first.group, sitting, "out_of_order")
        self.put(replace(before, replayed_at=first.replayed_at + timedelta(days=self._random.randint(1, 3))))

    def _clocks(self, reset: int, ahead: int) -> None:
        """A clock that is wrong, noticed at once: held, and the person recorded again."""
        for number, first in enumerate(self._some(reset, "clock_reset", lambda s: s.kind == "office")):
            january = self._campaign.at(date(2024, 1, 1), 0, number + 1)
            self.put(self._seats.again(first, january, first.recorded_at - timedelta(minutes=2), "clock_reset"))
        for first in self._some(ahead, "clock_ahead", lambda s: s.kind == "mpp"):
            wrong = first.recorded_at + timedelta(hours=2)
            self.put(self._seats.again(first, wrong, first.recorded_at - timedelta(minutes=2), "clock_ahead"))

    def _reattribute(self, before: int, after: int) -> None:
        """Walk-ins without a school whom the office finds in a class list."""
        walk_ins = [s for s in self._pool if s.group is None and self._early(s)][: before + after]
        self._pool = [s for s in self._pool if s not in walk_ins]
        reason = "Ditemukan di daftar kelas / found in a class list"
        for number, walk_in in enumerate(walk_ins):
            school = self._random.choice(self._campaign.schools)
            if number < before:
                self._correct("reattribute", walk_in, walk_in.replayed_at, 4, reason, school.group)
            else:
                at = self._campaign.at(self._cut_off + timedelta(days=5), 10)
                self._correct("reattribute", walk_in, at, 0, reason, school.group)

    def _beside(self, besides: dict[str, int], late: dict[str, int]) -> None:
        """Persons beyond those who count, and corrections after the cut-off."""
        start, last = self._campaign.facts["drive_from"], self._cut_off - timedelta(days=7)
        for _ in range(besides["voided"]):
            taken = self._beyond(self._people.voter(), start, last, "voided")
            self._correct("void", taken, taken.replayed_at, 2, "Rekam ganda dengan daerah lain / recorded elsewhere")
        for _ in range(besides["under_age"]):
            self._beyond(self._people.under_age(), start, last, "under_age")
        for _ in range(besides["not_a_voter"]):
            self._beyond(self._people.not_a_voter(), start, last, "not_a_voter")
        for _ in range(late["restored_after"]):
            taken = self._beyond(self._people.voter(), start, last, "restored_after")
            at = self._campaign.at(self._cut_off, 10)
            self._correct("void", taken, at, -3, "Dikira rekam ganda / taken for a duplicate")
            self._correct("restore", taken, at, 5, "Bukan rekam ganda / was none")
        for first in self._some(late["voided_after"], "voided_after"):
            at = self._campaign.at(self._cut_off, 14)
            self._correct("void", first, at, 4, "Tertukar dengan saudara kembar / taken for the twin")

    def _beyond(self, person: Person, first: date, last: date, case: str) -> Submission:
        group = self._random.choice(self._campaign.schools).group
        return self.put(self._seats.take(person, group, self._elsewhere.counter(first, last), case))

    def _correct(
        self, action: Action, submission: Submission, after: datetime, days: int, reason: str, group: str | None = None
    ) -> None:
        """An office command some days later, at two in the afternoon of a working day."""
        day = after.date() + timedelta(days=days)
        if days > 0:
            day = next(iter(weekdays(day, day + timedelta(days=3))))
        at = self._campaign.at(day, 14, self._random.randrange(60))
        self.corrections.append(Correction(at, action, submission.submission_id, reason, group))
