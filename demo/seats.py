"""Submissions: a person sits down at one of a sitting's counters; when it reaches the office depends on the network."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Final

from demo.campaign import Campaign, uuid7
from demo.model import Person, Sitting, Submission

COUNTERS_A_DAY: Final = 3  # open at the office, and at the MPP, on a working day


class Seats:
    """Hands out seats, and remembers nothing but the dice."""

    def __init__(self, campaign: Campaign, random: Random) -> None:
        self._campaign = campaign
        self._random = random

    def counter(self, kind: str, day: date) -> Sitting:
        """The permanent counters at the office or the MPP on a working day."""
        place = self._campaign.facts[kind]
        devices = self._campaign.open_counters((kind,), day, COUNTERS_A_DAY)
        return Sitting(kind, place, self._campaign.at(day, 8), self._campaign.at(day, 15), devices)

    def take(self, person: Person, group: str | None, sitting: Sitting, case: str = "plain") -> Submission:
        """One recording at the sitting, some time during it, at one of its counters."""
        length = int((sitting.ends_at - sitting.starts_at).total_seconds())
        recorded_at = sitting.starts_at + timedelta(seconds=self._random.randrange(length))
        lacks = self._random.random() < self._campaign.cases["shares"]["documents_missing"]
        return Submission(
            submission_id=uuid7(recorded_at, self._random),
            device=self._random.choice(sitting.devices),
            person=person,
            group=group,
            kind=sitting.kind,
            place=sitting.place,
            session_id=sitting.session_id,
            recorded_at=recorded_at,
            replayed_at=self._arrival(recorded_at, sitting),
            birth_certificate=not lacks,
            case=case,
        )

    def again(self, first: Submission, recorded_at: datetime, replayed_at: datetime, case: str) -> Submission:
        """The same person at the same counter, as its clock says."""
        return replace(
            first,
            submission_id=uuid7(recorded_at, self._random),
            recorded_at=recorded_at,
            replayed_at=replayed_at,
            case=case,
        )

    def _arrival(self, recorded_at: datetime, sitting: Sitting) -> datetime:
        if sitting.network == "evening":
            return sitting.ends_at + timedelta(seconds=self._random.randint(3600, 9000))
        if sitting.network == "none":
            # The laptops are back at the office on Monday, or on voting day.
            monday = recorded_at.date() + timedelta(days=7 - recorded_at.weekday())
            back = min(monday, self._campaign.facts["voting_day"])
            return self._campaign.at(back, 7, 30) + timedelta(seconds=self._random.randrange(3600))
        if self._random.random() < 0.03:
            return recorded_at + timedelta(seconds=self._random.randint(3600, 4 * 3600))
        return recorded_at + timedelta(seconds=self._random.randint(3, 240))
