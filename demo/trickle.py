"""After the replay: one more person every few seconds, so that the page is seen to move. It ends with the demo."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, islice
from random import Random
from typing import Final

from counter import CounterError
from demo.campaign import Campaign
from demo.driver import Driver
from demo.errors import DemoError
from demo.model import Plan, Sitting, Submission
from demo.people import People
from demo.seats import Seats

EVERY: Final = 4.0  # seconds
PERSONS: Final = 300
COUNTERS: Final = ("mpp-01", "mpp-02", "mpp-03")


def walk_ins(campaign: Campaign, plan: Plan, random: Random) -> Iterator[Submission]:
    """Whom the replay does not have, in the afternoon of voting day: no figure of the cut-off moves."""
    replayed = {submission.person.nik for submission in plan.submissions}
    day, place = campaign.facts["voting_day"], campaign.facts["mpp"]
    sitting = Sitting("mpp", place, campaign.at(day, 14), campaign.at(day, 20), COUNTERS)
    people = People(random, day, campaign.cases["shares"])
    seats = Seats(campaign, random)
    persons = (person for _ in count() if (person := people.voter()).nik not in replayed)
    for person in islice(persons, PERSONS):
        yield seats.take(person, random.choice(campaign.schools).group, sitting)


async def trickle(driver: Driver, submissions: Iterator[Submission], every: float = EVERY) -> None:
    """Sends one after the other. What cannot be sent now stays with its counter, which sends it with the next."""
    for submission in submissions:
        await asyncio.sleep(every)
        with suppress(DemoError, CounterError):
            await driver.submit([submission])
