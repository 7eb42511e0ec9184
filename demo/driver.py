"""Replays the plan, day after day: the office's commands, the counters' recordings, then the corrections."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from itertools import groupby
from operator import itemgetter
from time import monotonic

import httpx

from demo.addresses import Addresses
from demo.campaign import Campaign
from demo.counters import Counters
from demo.model import Correction, Plan, Submission
from demo.office import Office, eventually


@dataclass(frozen=True)
class Sent:
    """How far the replay is: the day, submissions sent so far and in all, persons recorded as reporting says."""

    day: date
    sent: int
    total: int
    recorded: int


Tell = Callable[[Sent], None]
Command = Callable[[], Awaitable[None]]


@dataclass
class _Day:
    commands: list[tuple[datetime, Command]] = field(default_factory=list)
    submissions: list[Submission] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)

    def together(self) -> list[list[Command]]:
        """The commands in the order of their time; those of one instant may be given side by side."""
        ordered = sorted(self.commands, key=itemgetter(0))
        return [[command for _, command in some] for _, some in groupby(ordered, key=itemgetter(0))]


class Driver:
    """Plays one plan into a running system over HTTP and Kafka, as offices and counters do. A context manager."""

    def __init__(self, addresses: Addresses, campaign: Campaign, plan: Plan) -> None:
        self._campaign, self._plan = campaign, plan
        headers = {"Authorization": f"Bearer {addresses.token}"} if addresses.token else {}
        self._http = httpx.AsyncClient(timeout=30.0, limits=httpx.Limits(max_connections=16), headers=headers)
        slug = campaign.facts["slug"]
        self.office = Office(addresses, slug, self._http)
        self._counters = Counters(addresses, slug, plan.devices, self._http)

    async def __aenter__(self) -> "Driver":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._counters.close()
        await self._http.aclose()

    async def replay(self, tell: Tell = lambda _: None, *, seconds_a_day: float = 0) -> dict[str, int]:
        """Plays everything, no day in less than `seconds_a_day`, and returns when reporting shows it.

        Returns how many submissions came out how.
        """
        days, sent = self._days(), 0
        for day in sorted(days):
            earliest = monotonic() + seconds_a_day
            for commands in days[day].together():
                await asyncio.gather(*(command() for command in commands))
            await self.submit(days[day].submissions)
            for correction in days[day].corrections:
                await self.office.correct(correction)
            sent += len(days[day].submissions)
            tell(Sent(day, sent, len(self._plan.submissions), await self._recorded(day)))
            await asyncio.sleep(earliest - monotonic())
        outcomes = await self._counters.outcomes()
        await self.applied()
        return outcomes

    async def submit(self, submissions: list[Submission]) -> None:
        """Records and sends, device by device; returns when enrollment has decided on all of them."""
        by_device: dict[str, list[Submission]] = defaultdict(list)
        for submission in submissions:
            by_device[submission.device].append(submission)
        await asyncio.gather(*(self._submit(name, rows) for name, rows in by_device.items()))
        # One device's submissions are decided in their order: the last one's decision is the last decision. One after
        # the other, for while the first is waited for the others are decided too.
        for rows in by_device.values():
            await self.office.decided(rows[-1].submission_id)

    async def applied(self) -> None:
        """Waits until reporting has applied everything that is known by now."""
        now, voting_day = datetime.now(UTC), self._campaign.facts["voting_day"]

        async def complete() -> bool | None:
            answer = await self.office.coverage(voting_day)
            through = answer and answer.get("complete_through")
            return True if through and datetime.fromisoformat(through) >= now else None

        await eventually(complete, "reporting to have applied everything")

    async def _submit(self, name: str, submissions: list[Submission]) -> None:
        await self._counters.record(name, submissions)
        await self._counters.send(name, twice=any(submission.sent_twice for submission in submissions))

    async def _recorded(self, day: date) -> int:
        """For the progress bar alone: what reporting shows at the moment."""
        answer = await self.office.coverage(day)
        return int(answer["total"]["recorded"]) if answer else 0

    def _days(self) -> dict[date, _Day]:
        """Everything of the plan by the day on which it happens."""
        days: dict[date, _Day] = defaultdict(_Day)
        facts, office = self._campaign.facts, self.office

        def command(at: datetime, do: Command) -> None:
            days[self._day(at)].commands.append((at, do))

        opens = self._campaign.at(facts["opens_on"], 7)
        command(opens, partial(office.open, opens, facts))
        # The schools are those of the statement of this day; the sets go out from now on.
        listed = self._campaign.at(facts["drive_from"], 13)
        command(listed, partial(office.list_schools, listed, self._campaign.schools))
        for number in range(1, facts["sets"] + 1):
            command(listed, partial(office.put_set, listed, number))
        for statement in self._plan.statements:
            command(statement.known_at, partial(office.state, statement))
        for target in self._plan.targets:
            command(target.known_at, partial(office.decide, target))
        for visit in self._plan.visits:
            for step in visit.steps:
                command(step.known_at, partial(office.plan, step))
        for submission in self._plan.submissions:
            days[self._day(submission.replayed_at)].submissions.append(submission)
        for correction in self._plan.corrections:
            days[self._day(correction.known_at)].corrections.append(correction)
        return days

    def _day(self, at: datetime) -> date:
        return at.astimezone(self._campaign.zone).date()
