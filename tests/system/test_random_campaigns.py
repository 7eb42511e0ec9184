"""Random campaigns through counters, Kafka and the real services give the figures of a fold in plain Python.

A campaign is played in rounds. In a round counters send (in any order, some of it again), then the office acts. Within
a round the order in which two counters' messages are decided is open, so "as known at" is asked between rounds.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from counter import Counter, KafkaTransport, Recording
from stack import LocalStack
from tests.support import until

pytestmark = [pytest.mark.system, pytest.mark.properties, pytest.mark.xdist_group("system")]

WIB = ZoneInfo("Asia/Jakarta")
OPENS, VOTES = date(2024, 9, 19), date(2024, 11, 27)
FIRST_ROUND = datetime(2024, 11, 1, tzinfo=WIB)
SCHOOLS = ["npsn:20599901", "npsn:20599902", "npsn:20599903"]
GROUPS: list[str | None] = [*SCHOOLS, "outside:pkbm", None]
NIKS = [f"35739901010700{n:02}" for n in range(1, 6)]
numbers = itertools.count(1)


@dataclass(frozen=True)
class Taken:
    """One recording at a counter: person, where from, when, and when it arrives within the round (minutes)."""

    person: int
    counter: int
    group: str | None
    recorded_at: datetime
    arrives: int


@dataclass(frozen=True)
class Act:
    """What the office does to a person after a round."""

    verb: str
    person: int
    group: str


@dataclass(frozen=True)
class Target:
    scope: str
    value: int
    effective_from: date
    counting_from: date | None
    withdrawn: bool


@dataclass(frozen=True)
class Round:
    taken: list[Taken]
    again: list[int]
    acts: list[Act]
    targets: list[Target]


DAYS = st.dates(OPENS - timedelta(days=2), date(2024, 11, 9))
TAKEN = st.builds(
    Taken,
    person=st.integers(0, len(NIKS) - 1),
    counter=st.integers(0, 1),
    group=st.sampled_from(GROUPS),
    # Around midnight in WIB, which is another day in UTC; some before the campaign opens, some in the future.
    recorded_at=st.builds(
        lambda day, hour, minute: datetime(day.year, day.month, day.day, hour, minute, tzinfo=WIB),
        DAYS,
        st.sampled_from([0, 6, 7, 12, 23]),
        st.integers(0, 59),
    ),
    arrives=st.integers(0, 600),
)
ACTS = st.builds(
    Act,
    verb=st.sampled_from(["void", "void", "restore", "reattribute"]),
    person=st.integers(0, len(NIKS) - 1),
    group=st.sampled_from([*SCHOOLS, "outside"]),
)
TARGETS = st.builds(
    Target,
    scope=st.sampled_from(["campaign", *SCHOOLS, "outside"]),
    value=st.integers(0, 6),
    effective_from=DAYS,
    counting_from=st.none() | DAYS,
    withdrawn=st.booleans(),
)
ROUNDS = st.lists(
    st.builds(
        Round,
        taken=st.lists(TAKEN, min_size=1, max_size=6),
        again=st.lists(st.integers(0, 20), max_size=3),
        acts=st.lists(ACTS, max_size=3),
        targets=st.lists(TARGETS, max_size=3),
    ),
    min_size=1,
    max_size=3,
)


@dataclass
class Person:
    """The fold's idea of a person: what stands, and what the office said."""

    taken: dict[str, tuple[datetime, str | None]] = field(default_factory=dict)
    voided: list[str] = field(default_factory=list)
    group: str | None = None

    def counting(self) -> str | None:
        standing = [(at, name) for name, (at, _) in self.taken.items() if name not in self.voided]
        return min(standing)[1] if standing else None

    def may(self, act: Act) -> bool:
        """Does it to the model; False where the office is to be refused."""
        if act.verb == "void":
            if (counting := self.counting()) is None:
                return False
            self.voided.append(counting)
        elif act.verb == "restore":
            if not self.voided:
                return False
            self.voided.pop()
        else:
            self.group = act.group
        return True

    def place(self) -> tuple[str, date] | None:
        """Group and day, if this person counts."""
        counting = self.counting()
        if counting is None:
            return None
        at, group = self.taken[counting]
        return self.group or group or "outside", at.astimezone(WIB).date()


def expected(places: list[tuple[str, date]], targets: list[Target], as_of: date) -> dict[str, Any]:
    """The coverage answer by the rules of the domain: decisions in force, first day that counts, one line a group."""
    force: dict[str, Target] = {}
    for target in targets:
        if target.effective_from <= as_of:
            force[target.scope] = target
    force = {scope: target for scope, target in force.items() if not target.withdrawn}
    campaign = force.pop("campaign", None)
    start = campaign.counting_from if campaign else None

    def recorded(group: str | None, since: date | None) -> int:
        return sum(
            1 for where, day in places if group in (None, where) and day <= as_of and (since is None or day >= since)
        )

    rows = {}
    for group in {where for where, _ in places} | force.keys():
        own = force[group].counting_from if group in force else None
        n = recorded(group, max([day for day in (start, own) if day], default=None))
        if group in force or n:
            rows[group] = (force[group].value if group in force else None, n)
    allocated = sum(target.value for target in force.values())
    target = campaign.value if campaign else allocated if force else None
    return {
        "target": target,
        "recorded": recorded(None, start),
        "allocated": allocated,
        "unallocated": campaign.value - allocated if campaign else None,
        "rows": rows,
    }


def found(answer: dict[str, Any]) -> dict[str, Any]:
    total = answer["total"]
    rows = {row["group"]: (row["target"], row["recorded"]) for row in answer["rows"]}
    return {name: total[name] for name in ("target", "recorded", "allocated", "unallocated")} | {"rows": rows}


@pytest.mark.timeout(600)
def test_random_campaigns_give_the_figures_of_a_plain_fold(system: LocalStack) -> None:
    asked = st.lists(st.tuples(DAYS, st.integers(0, 3)), min_size=3, max_size=6)

    @settings(
        max_examples=15,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(ROUNDS, asked)
    def play(rounds: list[Round], asked: list[tuple[date, int]]) -> None:
        asyncio.run(Played(system, f"random-{next(numbers)}").all(rounds, asked))

    play()


class Played:
    """One random campaign, played on the system and in the model at once."""

    def __init__(self, system: LocalStack, campaign: str) -> None:
        self.system = system
        self.path = f"/v1/campaigns/{campaign}"
        self.campaign = campaign
        self.people = [Person() for _ in NIKS]
        self.targets: list[Target] = []
        self.history: list[tuple[list[tuple[str, date]], list[Target]]] = []
        self.sent: list[tuple[int, Recording, str]] = []

    async def all(self, rounds: list[Round], asked: list[tuple[date, int]]) -> None:
        urls = self.system.urls
        async with (
            httpx.AsyncClient(base_url=urls["enrollment"], timeout=30, headers=self.system.bearer()) as self.office,
            httpx.AsyncClient(base_url=urls["reporting"], timeout=30, headers=self.system.bearer("head")) as self.head,
        ):
            transport = KafkaTransport(self.system.bootstrap_servers)
            try:
                with tempfile.TemporaryDirectory() as home:
                    await self.open()
                    self.counters = [
                        await Counter.init(
                            Path(home, str(n)),
                            campaign=self.campaign,
                            enrollment=urls["enrollment"],
                            kind="office",
                            place=f"Loket {n}",
                            transport=transport,
                            token=self.system.token("administrator"),
                        )
                        for n in range(2)
                    ]
                    for number, one in enumerate(rounds):
                        await self.round(FIRST_ROUND + timedelta(days=number), one)
                    for counter in self.counters:
                        counter.close()
            finally:
                await transport.close()
            await self.compare(asked)

    async def open(self) -> None:
        body = {
            "name": "Random",
            "region_code": "35.73",
            "zone": "Asia/Jakarta",
            "opens_on": str(OPENS),
            "voting_day": str(VOTES),
            "clock": "replay",
            "known_at": "2024-09-01T00:00:00+07:00",
        }
        (await self.office.put(self.path, json=body)).raise_for_status()

    async def round(self, begins: datetime, one: Round) -> None:
        for taken in one.taken:
            replayed_at = begins + timedelta(minutes=taken.arrives)
            recording = Recording(
                nik=NIKS[taken.person],
                birth_date=date(2007, 1, 1),
                recorded_at=taken.recorded_at,
                group=taken.group,
                replayed_at=replayed_at,
            )
            kept = self.counters[taken.counter].record(recording)
            self.sent.append((taken.counter, recording, kept.submission_id))
            in_time = taken.recorded_at.date() >= OPENS and taken.recorded_at <= replayed_at + timedelta(minutes=5)
            if in_time:
                self.people[taken.person].taken[kept.submission_id] = (taken.recorded_at, taken.group)
        for index in one.again:
            await self.send_again(index)
        await asyncio.gather(*(counter.send() for counter in self.counters))
        self.person_ids = {}
        for person, name in [(NIKS.index(recording.nik), name) for _, recording, name in self.sent]:
            answer = await until(lambda name=name: self.decided(name))
            self.person_ids[person] = answer["person_id"]
        for number, act in enumerate(one.acts):
            await self.act(begins + timedelta(hours=12, minutes=number), act)
        for number, target in enumerate(one.targets):
            await self.decide(begins + timedelta(hours=13, minutes=number), target)
        places = [place for person in self.people if (place := person.place())]
        self.history.append((places, list(self.targets)))

    async def send_again(self, index: int) -> None:
        """The very same bytes a second time: as if the confirmation had been lost."""
        if self.sent:
            counter, _, name = self.sent[index % len(self.sent)]
            with closing(sqlite3.connect(self.counters[counter].home.queue_file, timeout=30)) as queue, queue:
                queue.execute("UPDATE message SET state = 'stored', sent_at = NULL WHERE id = ?", (name,))

    async def decided(self, name: str) -> dict[str, Any] | None:
        answer = await self.office.get(f"{self.path}/submissions/{name}")
        return answer.json() if answer.status_code == 200 else None

    async def act(self, known_at: datetime, act: Act) -> None:
        if act.person not in self.person_ids:
            return
        body = {"reason": "random", "known_at": known_at.isoformat()}
        if act.verb == "reattribute":
            body["group"] = act.group
        path = f"{self.path}/recordings/{self.person_ids[act.person]}/{act.verb}"
        answer = await self.office.post(path, json=body)
        assert answer.status_code == (200 if self.people[act.person].may(act) else 409), answer.text

    async def decide(self, known_at: datetime, target: Target) -> None:
        body = {
            "scope": target.scope,
            "value": target.value,
            "effective_from": str(target.effective_from),
            "counting_from": target.counting_from and str(target.counting_from),
            "split": "stated",
            "reason": "random",
            "withdrawn": target.withdrawn,
            "known_at": known_at.isoformat(),
        }
        (await self.office.post(f"{self.path}/targets", json=body)).raise_for_status()
        self.targets.append(target)

    async def compare(self, asked: list[tuple[date, int]]) -> None:
        decided_by = datetime.now(UTC)

        async def applied() -> bool:
            answer = await self.head.get(f"{self.path}/coverage")
            through = answer.json().get("complete_through") if answer.status_code == 200 else None
            return through is not None and datetime.fromisoformat(through) > decided_by

        await until(applied)
        for as_of, round_number in asked:
            number = min(round_number, len(self.history) - 1)
            known_at = FIRST_ROUND + timedelta(days=number, hours=20)
            then = await self.head.get(
                f"{self.path}/coverage", params={"as_of": str(as_of), "known_at": known_at.isoformat()}
            )
            assert found(then.json()) == expected(*self.history[number], as_of), (as_of, known_at)
            assert then.json()["final"] is True
            now = await self.head.get(f"{self.path}/coverage", params={"as_of": str(as_of)})
            assert found(now.json()) == expected(*self.history[-1], as_of), as_of
