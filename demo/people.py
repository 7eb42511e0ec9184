"""Invented first-time voters: NIK of the unassigned kecamatan 357399, birth dates that make them 17 by voting day."""

from collections import Counter
from datetime import date, timedelta
from random import Random
from typing import Final

from demo.model import Person

PREFIX: Final = "357399"


class People:
    """Makes persons, no two with the same NIK."""

    def __init__(self, random: Random, voting_day: date, shares: dict[str, float]) -> None:
        self._random = random
        self._voting_day = voting_day
        self._shares = shares
        self._serials: Counter[str] = Counter()

    def voter(self) -> Person:
        """Turns 17 within the year that ends on voting day; some on the day itself."""
        return self.born(_years_before(self._voting_day, 17) - timedelta(days=self._random.randrange(365)))

    def married(self) -> Person:
        """Not 17 on voting day, and a voter all the same."""
        return self.born(
            _years_before(self._voting_day, 17) + timedelta(days=self._random.randint(5, 60)), married=True
        )

    def not_a_voter(self) -> Person:
        """16 when recorded, 17 only after voting day."""
        return self.born(_years_before(self._voting_day, 17) + timedelta(days=self._random.randint(5, 180)))

    def under_age(self) -> Person:
        """Not yet 16 on voting day."""
        return self.born(_years_before(self._voting_day, 16) + timedelta(days=self._random.randint(5, 180)))

    def mistaken(self) -> Person:
        """A voter whose NIK holds another birth date than the family card: kept for life, a warning for review."""
        person = self.voter()
        return Person(person.nik, person.birth_date - timedelta(days=10), domicile=person.domicile)

    def born(self, day: date, *, married: bool = False) -> Person:
        woman = self._random.random() < 0.5
        digits = f"{day.day + (40 if woman else 0):02}{day:%m%y}"
        self._serials[digits] += 1
        return Person(f"{PREFIX}{digits}{self._serials[digits]:04}", day, married, self._domicile())

    def _domicile(self) -> str:
        drawn = self._random.random()
        if drawn < self._shares["kota_batu"]:
            return "35.79"
        return "35.07" if drawn < self._shares["kota_batu"] + self._shares["kabupaten_malang"] else "35.73"


def _years_before(day: date, years: int) -> date:
    return day.replace(year=day.year - years)
