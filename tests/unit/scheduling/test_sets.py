"""Which recording sets can go, and when one may be taken out of service."""

from datetime import timedelta
from typing import Any

import pytest

from scheduling.refusal import Refused
from scheduling.sets.rules import RecordingSet, put
from scheduling.visits import rules
from scheduling.visits.model import PlannedVisit
from tests.unit.scheduling.campaign import CAMPAIGN, DAYS, NOW, SCHOOLS, SETS, asked, at, situation, visit_id


def scheduled(number: int, *beside: PlannedVisit, sets_there: Any = SETS, **changes: Any) -> PlannedVisit:
    return rules.schedule(visit_id(number), asked(**changes), situation(*beside, sets=sets_there), NOW)


def refused(reason: str, *beside: PlannedVisit, **changes: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        scheduled(99, *beside, **changes)
    assert caught.value.reason == reason
    return caught.value


def test_a_number_takes_the_lowest_free_ids() -> None:
    first = scheduled(1, sets=["set-2"])
    assert scheduled(2, first, sets=2).plan.sets == ("set-1", "set-3")


def test_more_sets_than_exist() -> None:
    assert refused("more_sets_than_exist", sets=4).members == {"in_service": ["set-1", "set-2", "set-3"]}
    out = {**SETS, "set-3": False}
    assert refused("more_sets_than_exist", sets=3, sets_there=out).members == {"in_service": ["set-1", "set-2"]}


def test_not_enough_free_sets_names_the_free_ones_and_the_visits_in_the_way() -> None:
    first = scheduled(1, sets=["set-1", "set-2"])
    idle = scheduled(2, first, sets=["set-3"], starts_at=at(DAYS[1], 15), ends_at=at(DAYS[1], 16))
    refusal = refused("not_enough_free_sets", first, idle, sets=2)
    assert refusal.members["free"] == ["set-3"]
    assert [visit["visit_id"] for visit in refusal.members["visits"]] == [first.visit_id]


def test_a_set_twice_in_the_list() -> None:
    refusal = refused("set_twice", sets=["set-1", "set-2", "set-1"])
    assert refusal.at == ("#/sets/2",)


def test_an_unknown_set() -> None:
    refusal = refused("unknown_set", sets=["set-1", "set-9"])
    assert (refusal.at, refusal.members) == (("#/sets/1",), {"known": ["set-1", "set-2", "set-3"]})


def test_a_set_out_of_service() -> None:
    assert refused("set_out_of_service", sets_there={**SETS, "set-1": False}).members == {"sets": ["set-1"]}


def test_a_set_at_two_visits_at_once() -> None:
    first = scheduled(1, sets=["set-1", "set-2"])
    refusal = refused("set_taken", first, sets=["set-3", "set-2"], starts_at=at(DAYS[1], 13, 59))
    assert refusal.members["visits"] == [
        {
            "visit_id": first.visit_id,
            "day": "2024-11-12",
            "starts_at": "2024-11-12T01:00:00+00:00",
            "ends_at": "2024-11-12T07:00:00+00:00",
            "sets": ["set-2"],
        }
    ]


def test_one_visit_may_begin_when_the_other_ends() -> None:
    first = scheduled(1, starts_at=at(DAYS[1], 8), ends_at=at(DAYS[1], 11))
    assert scheduled(2, first, starts_at=at(DAYS[1], 11)).plan.sets == ("set-1",)


def test_a_cancelled_visit_frees_its_sets_and_a_completed_one_does_not() -> None:
    first = scheduled(1)
    assert scheduled(2, rules.cancel(first, "Hujan", NOW)).plan.sets == ("set-1",)
    refused("set_taken", rules.complete(first, None, CAMPAIGN.zone, at(DAYS[1], 14)))


def test_a_team_goes_to_three_schools_a_day() -> None:
    first = scheduled(1, groups=SCHOOLS[:2], starts_at=at(DAYS[1], 8), ends_at=at(DAYS[1], 10))
    afternoon = {"starts_at": at(DAYS[1], 11), "ends_at": at(DAYS[1], 13)}
    refusal = refused("too_many_schools", first, groups=SCHOOLS[2:4], **afternoon)
    assert refusal.members == {"teams": {"set-1": list(SCHOOLS[:4])}}
    assert scheduled(2, first, groups=SCHOOLS[1:3], **afternoon).plan.sets == ("set-1",)
    assert scheduled(3, first, groups=SCHOOLS[2:4], sets=1, **afternoon).plan.sets == ("set-2",)
    assert scheduled(4, first, groups=SCHOOLS[2:5], kind="mpp", **afternoon).plan.sets == ("set-1",)
    refused("too_many_schools", groups=SCHOOLS[:4], sets=2)
    next_day = {"day": DAYS[2], "groups": SCHOOLS[2:5]}
    assert scheduled(5, first, **next_day).plan.sets == ("set-1",)


def test_a_set_is_made_and_changed_in_revisions() -> None:
    asked_for = {"set_id": "set-1", "label": "Alat 1", "in_service": True}
    made = put(None, asked_for, [], CAMPAIGN, NOW)
    assert made == RecordingSet(campaign="ujian-2024", revision=1, known_at=NOW, **asked_for)
    assert put(made, asked_for, [], CAMPAIGN, NOW + timedelta(days=1)) is made
    out = put(made, {**asked_for, "in_service": False}, [], CAMPAIGN, NOW)
    assert (out.revision, out.in_service, out.known_at) == (2, False, NOW + timedelta(microseconds=1))


def test_a_set_that_coming_visits_count_on_stays_in_service() -> None:
    visit = scheduled(1)
    made = RecordingSet(campaign="ujian-2024", set_id="set-1", revision=1, known_at=NOW)
    out = {"set_id": "set-1", "label": None, "in_service": False}
    with pytest.raises(Refused) as caught:
        put(made, out, [visit], CAMPAIGN, at(DAYS[1], 23))
    assert caught.value.reason == "set_needed"
    assert [named["visit_id"] for named in caught.value.members["visits"]] == [visit.visit_id]
    assert put(made, out, [rules.cancel(visit, "Hujan", NOW)], CAMPAIGN, at(DAYS[1], 23)).revision == 2
    assert put(made, out, [visit], CAMPAIGN, at(DAYS[2], 0)).revision == 2
