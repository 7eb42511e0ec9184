"""What a visit may be, and what becomes of it."""

from datetime import UTC, timedelta
from typing import Any

import pytest

from contracts.visits import VisitCancelled, VisitCompleted, VisitRescheduled, VisitScheduled
from scheduling.refusal import Refused
from scheduling.visits import rules
from scheduling.visits.model import PlannedVisit, event
from tests.unit.scheduling.campaign import CAMPAIGN, DAYS, NOW, SCHOOLS, SETS, asked, at, situation, visit_id

LATER = NOW + timedelta(hours=1)


def scheduled(number: int = 1, *beside: PlannedVisit, **changes: Any) -> PlannedVisit:
    return rules.schedule(visit_id(number), asked(**changes), situation(*beside), NOW)


def moved(visit: PlannedVisit, *beside: PlannedVisit, **changes: Any) -> PlannedVisit:
    return rules.reschedule(visit, rules.after(visit, changes, CAMPAIGN.zone), situation(*beside, visit), LATER)


def refused(reason: str, **changes: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        scheduled(**changes)
    assert caught.value.reason == reason
    return caught.value


def test_a_visit_begins_as_revision_1_at_the_usual_hours() -> None:
    visit = scheduled()
    assert (visit.revision, visit.status, visit.known_at) == (1, "scheduled", NOW)
    assert visit.plan.starts_at == at(DAYS[1], 8)
    assert visit.plan.ends_at == at(DAYS[1], 14)
    assert visit.plan.starts_at.tzinfo is UTC


@pytest.mark.parametrize("day", [DAYS[0] - timedelta(days=1), DAYS[-1] + timedelta(days=1)])
def test_a_day_outside_the_campaign_is_refused_with_its_dates(day: Any) -> None:
    refusal = refused("outside_campaign", day=day)
    assert refusal.members == {"opens_on": "2024-11-11", "voting_day": "2024-11-15"}


@pytest.mark.parametrize("day", [DAYS[0], DAYS[-1]])
def test_the_first_day_and_voting_day_itself_are_service_days(day: Any) -> None:
    assert scheduled(day=day).plan.day == day


def test_the_hours_are_in_order() -> None:
    refused("not_in_order", starts_at=at(DAYS[1], 10), ends_at=at(DAYS[1], 10))
    refused("not_in_order", starts_at=at(DAYS[1], 15))


def test_the_hours_are_on_the_day_by_the_campaigns_clock() -> None:
    # 17:30 UTC is 00:30 of the next day in Jakarta; 17:30 UTC of the day before is 00:30 of the day.
    late = at(DAYS[1], 12).replace(hour=17, minute=30, tzinfo=UTC)
    refusal = refused("not_on_day", ends_at=late)
    assert (refusal.at, refusal.members) == (("#/ends_at",), {"zone": "Asia/Jakarta"})
    early = late - timedelta(days=1)
    assert scheduled(starts_at=early).plan.starts_at == early


def test_a_school_visit_goes_to_listed_schools() -> None:
    refusal = refused("school_not_listed", groups=(SCHOOLS[0], "npsn:12345678", "outside"))
    assert refusal.at == ("#/groups/1", "#/groups/2")
    refused("no_school", groups=())
    refused("group_twice", groups=(SCHOOLS[0], SCHOOLS[0]))


def test_a_weekend_session_is_for_whoever_comes() -> None:
    session = scheduled(kind="mpp", groups=(*SCHOOLS, "outside", "npsn:12345678"), sets=3)
    assert session.plan.sets == ("set-1", "set-2", "set-3")


def test_another_day_keeps_the_hours_on_the_clock() -> None:
    visit = scheduled(starts_at=at(DAYS[1], 9, 15), ends_at=at(DAYS[1], 11))
    there = moved(visit, day=DAYS[2])
    assert (there.plan.starts_at, there.plan.ends_at) == (at(DAYS[2], 9, 15), at(DAYS[2], 11))
    assert (there.revision, there.cause, there.known_at) == (2, "rescheduled", LATER)


def test_hours_before_seven_are_kept_though_they_are_yesterday_in_utc() -> None:
    visit = scheduled(starts_at=at(DAYS[1], 6, 30))
    assert moved(visit, day=DAYS[2]).plan.starts_at == at(DAYS[2], 6, 30)
    assert moved(visit, day=DAYS[2]).plan.starts_at.astimezone(UTC).date() == DAYS[1]


def test_a_move_changes_what_it_names_and_nothing_else() -> None:
    visit = scheduled(expected=40)
    there = moved(visit, place="Aula", sets=2, groups=[SCHOOLS[1]], starts_at=at(DAYS[1], 9))
    assert (there.plan.place, there.plan.sets, there.plan.groups) == ("Aula", ("set-1", "set-2"), (SCHOOLS[1],))
    assert (there.plan.expected, there.plan.ends_at, there.plan.kind) == (40, at(DAYS[1], 14), "school_visit")
    assert moved(visit, expected=None).plan.expected is None


def test_a_move_to_the_same_plan_is_no_new_revision() -> None:
    visit = scheduled()
    assert moved(visit) is visit
    assert moved(visit, sets=1, place=visit.plan.place, starts_at=at(DAYS[1], 8)) is visit


def test_a_move_asked_by_number_keeps_its_own_sets_first() -> None:
    visit = scheduled(sets=["set-3"])
    assert moved(visit, sets=1) is visit
    assert moved(visit, sets=2).plan.sets == ("set-1", "set-3")


def test_known_at_increases_strictly() -> None:
    visit = scheduled()
    again = rules.cancel(visit, "Ujian sekolah", NOW - timedelta(days=3))
    assert again.known_at == NOW + timedelta(microseconds=1)


def test_cancelling_is_final_and_may_be_said_twice() -> None:
    visit = rules.cancel(scheduled(), "Ujian sekolah", LATER)
    assert (visit.status, visit.reason, visit.revision) == ("cancelled", "Ujian sekolah", 2)
    assert rules.cancel(visit, "Ujian sekolah", LATER) is visit
    for act in (
        lambda: rules.cancel(visit, "Hujan", LATER),
        lambda: rules.complete(visit, None, CAMPAIGN.zone, at(DAYS[4], 12)),
        lambda: moved(visit, place="Aula"),
    ):
        with pytest.raises(Refused) as caught:
            act()
        assert (caught.value.reason, caught.value.members["visit_status"]) == ("closed", "cancelled")


def test_completing_is_final_may_be_said_twice_and_its_counts_corrected() -> None:
    visit = rules.complete(scheduled(), {"internship": 12}, CAMPAIGN.zone, at(DAYS[1], 15))
    assert (visit.status, visit.missed, visit.revision) == ("completed", {"internship": 12}, 2)
    assert rules.complete(visit, {"internship": 12}, CAMPAIGN.zone, at(DAYS[3], 12)) is visit
    corrected = rules.complete(visit, {"internship": 13}, CAMPAIGN.zone, at(DAYS[1], 16))
    assert (corrected.status, corrected.missed, corrected.revision) == ("completed", {"internship": 13}, 3)
    for act in (
        lambda: rules.cancel(visit, "Hujan", LATER),
        lambda: moved(visit, place="Aula"),
    ):
        with pytest.raises(Refused) as caught:
            act()
        assert caught.value.reason == "closed"


def test_a_visit_is_not_completed_before_its_day() -> None:
    with pytest.raises(Refused) as caught:
        rules.complete(scheduled(), None, CAMPAIGN.zone, at(DAYS[1], 0) - timedelta(microseconds=1))
    assert (caught.value.reason, caught.value.members) == ("not_yet", {"day": "2024-11-12"})
    assert rules.complete(scheduled(), None, CAMPAIGN.zone, at(DAYS[1], 0)).status == "completed"


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"sets": 1}, True),
        ({"starts_at": at(DAYS[1], 8)}, True),
        ({"sets": 2}, False),
        ({"sets": ["set-2"]}, False),
        ({"place": "Aula"}, False),
        ({"expected": 3}, False),
        ({"ends_at": at(DAYS[1], 15)}, False),
    ],
)
def test_the_same_visit_sent_twice_is_recognised(changes: dict[str, Any], same: bool) -> None:
    assert rules.asks_for(asked(**changes), scheduled().plan, CAMPAIGN.zone) is same


def test_the_event_is_the_whole_state_and_its_type_the_cause() -> None:
    visit = scheduled(expected=80)
    there = moved(visit, day=DAYS[3])
    done = rules.complete(there, {"absent": 3}, CAMPAIGN.zone, at(DAYS[3], 15))
    gone = rules.cancel(visit, "Hujan", LATER)
    assert [type(event(each)) for each in (visit, there, done, gone)] == [
        VisitScheduled,
        VisitRescheduled,
        VisitCompleted,
        VisitCancelled,
    ]
    assert event(done).model_dump(mode="json", exclude_none=True) == {
        "campaign": "ujian-2024",
        "visit_id": visit_id(1),
        "revision": 3,
        "known_at": "2024-11-14T08:00:00Z",
        "kind": "school_visit",
        "groups": ["npsn:90000001"],
        "place": "SMK Contoh",
        "day": "2024-11-14",
        "starts_at": "2024-11-14T01:00:00Z",
        "ends_at": "2024-11-14T07:00:00Z",
        "sets": ["set-1"],
        "status": "completed",
        "expected": 80,
        "missed": {"absent": 3},
    }
    assert set(SETS) > set(done.plan.sets)
