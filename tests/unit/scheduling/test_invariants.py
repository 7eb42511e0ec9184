"""Whatever is commanded in whatever order: what holds of the plan, judged by other code than the rules."""

from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.refusal import Refused
from scheduling.sets.rules import RecordingSet, put
from scheduling.visits import rules
from scheduling.visits.model import PlannedVisit, event
from tests.unit.scheduling.campaign import CAMPAIGN, DAYS, NOW, SCHOOLS, SETS, WIB, asked, at, situation, visit_id

DAY = st.sampled_from([*DAYS, DAYS[0] - timedelta(days=1), DAYS[-1] + timedelta(days=1)])
GROUPS = st.lists(st.sampled_from([*SCHOOLS, "npsn:12345678", "outside"]), min_size=0, max_size=3).map(tuple)
WHICH = st.one_of(st.lists(st.sampled_from([*SETS, "set-9"]), min_size=1, max_size=3), st.integers(1, 4))
KIND = st.sampled_from(["school_visit", "school_visit", "school_visit", "mpp"])
NOWS = st.datetimes(datetime(2024, 11, 10), datetime(2024, 11, 17), timezones=st.just(UTC))  # noqa: DTZ001


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    day = draw(DAY)
    begin = draw(st.integers(7, 15))
    hours = {"starts_at": at(day, begin), "ends_at": at(day, begin + draw(st.integers(0, 4)))}
    return {"kind": draw(KIND), "day": day, "sets": draw(WHICH), "groups": draw(GROUPS), **hours}


COMMANDS = st.lists(
    st.one_of(
        st.tuples(st.just("schedule"), st.integers(0, 9), plans(), NOWS),
        st.tuples(st.just("schedule"), st.integers(0, 9), plans(), NOWS),
        st.tuples(st.just("move"), st.integers(0, 9), plans(), NOWS),
        st.tuples(st.just("shift"), st.integers(0, 9), DAY, NOWS),
        st.tuples(st.just("cancel"), st.integers(0, 9), st.none(), NOWS),
        st.tuples(st.just("complete"), st.integers(0, 9), st.none(), NOWS),
        st.tuples(st.just("service"), st.sampled_from(sorted(SETS)), st.booleans(), NOWS),
    ),
    max_size=25,
)


def made(name: str) -> RecordingSet:
    return RecordingSet(campaign="ujian-2024", set_id=name, revision=1, known_at=NOW)


class Campaign:
    """What a store would hold: every revision of every visit, and the sets."""

    def __init__(self) -> None:
        self.versions: dict[str, list[PlannedVisit]] = {}
        self.sets = {name: made(name) for name in SETS}

    @property
    def current(self) -> list[PlannedVisit]:
        return [versions[-1] for versions in self.versions.values()]

    def do(self, verb: str, which: Any, what: Any, now: datetime) -> None:
        there = situation(*self.current, sets={name: one.in_service for name, one in self.sets.items()})
        if verb == "service":
            asked_for = {"set_id": which, "label": None, "in_service": what}
            self.sets[which] = put(self.sets[which], asked_for, self.of_set(which), CAMPAIGN, now)
            return
        versions = self.versions.get(visit_id(which))
        if verb == "schedule":
            if versions is None:
                self.versions[visit_id(which)] = [rules.schedule(visit_id(which), asked(**what), there, now)]
            return
        if versions is None:
            return
        old = versions[-1]
        if verb == "cancel":
            new_one = rules.cancel(old, "Hujan", now)
        elif verb == "complete":
            new_one = rules.complete(old, {"absent": 1}, CAMPAIGN.zone, now)
        else:
            changes = {**what, "groups": list(what["groups"])} if verb == "move" else {"day": what}
            new_one = rules.reschedule(old, rules.after(old, changes, CAMPAIGN.zone), there, now)
        if new_one is not old:
            versions.append(new_one)

    def of_set(self, name: str) -> list[PlannedVisit]:
        return [visit for visit in self.current if name in visit.plan.sets]


@pytest.mark.properties
@settings(max_examples=400)
@given(COMMANDS)
def test_whatever_is_commanded_the_plan_can_be_carried_out(commands: list[tuple[str, Any, Any, datetime]]) -> None:
    campaign = Campaign()
    for command in commands:
        with suppress(Refused):
            campaign.do(*command)
            if command[0] == "service" and not command[2]:
                today = command[3].astimezone(WIB).date()
                left = [visit for visit in campaign.of_set(command[1]) if visit.status == "scheduled"]
                assert all(visit.plan.day < today for visit in left)

    taking = [visit for visit in campaign.current if visit.status != "cancelled"]
    for name in SETS:
        hours = sorted((v.plan.starts_at, v.plan.ends_at) for v in taking if name in v.plan.sets)
        assert all(before[1] <= after[0] for before, after in pairwise(hours))
        schools = defaultdict(set)
        for visit in taking:
            if name in visit.plan.sets and visit.plan.kind == "school_visit":
                schools[visit.plan.day] |= set(visit.plan.groups)
        assert all(len(of_the_day) <= 3 for of_the_day in schools.values())

    for versions in campaign.versions.values():
        assert [visit.revision for visit in versions] == list(range(1, len(versions) + 1))
        assert all(a.known_at < b.known_at for a, b in pairwise(versions))
        assert [visit.status for visit in versions[:-1]] == ["scheduled"] * (len(versions) - 1)
        last = versions[-1]
        named = {
            "scheduled": "scheduled",
            "rescheduled": "scheduled",
            "cancelled": "cancelled",
            "completed": "completed",
        }
        assert event(last).type == f"jemputbola.visit-{last.cause}.v1"
        assert event(last).status == last.status == named[last.cause]
        plan = last.plan
        assert CAMPAIGN.opens_on <= plan.day <= CAMPAIGN.voting_day
        assert plan.starts_at.astimezone(WIB).date() == plan.ends_at.astimezone(WIB).date() == plan.day
        assert plan.starts_at < plan.ends_at
        assert list(plan.sets) == sorted(set(plan.sets)) and set(plan.sets) <= set(SETS) and plan.sets
        assert plan.kind != "school_visit" or set(plan.groups) <= set(SCHOOLS)
        assert last.status != "completed" or last.known_at.astimezone(WIB).date() >= plan.day


@pytest.mark.properties
@settings(max_examples=200)
@given(COMMANDS, plans(), st.integers(1, 4))
def test_a_number_of_sets_is_had_exactly_when_that_many_are_free(
    commands: list[tuple[str, Any, Any, datetime]], plan: dict[str, Any], wanted: int
) -> None:
    """Nobody is turned away who could go: each free set is found by trying it alone."""
    campaign = Campaign()
    for command in commands:
        with suppress(Refused):
            campaign.do(*command)
    there = situation(*campaign.current, sets={name: one.in_service for name, one in campaign.sets.items()})

    def possible(sets: Any) -> PlannedVisit | None:
        with suppress(Refused):
            return rules.schedule(visit_id(99), asked(**{**plan, "sets": sets}), there, NOW)
        return None

    free = [name for name in sorted(SETS) if possible([name])]
    got = possible(wanted)
    assert (got.plan.sets if got else None) == (tuple(free[:wanted]) if len(free) >= wanted else None)
