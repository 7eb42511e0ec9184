"""The plan: fitted to the published figure, plausible, and the same every time."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from demo import plan as plans
from demo.campaign import Campaign, load
from demo.fold import Fold
from demo.model import Plan

pytestmark = pytest.mark.xdist_group("plan")


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return load()


@pytest.fixture(scope="module")
def plan(campaign: Campaign) -> Plan:
    return plans.build(campaign)


@pytest.fixture(scope="module")
def fold(campaign: Campaign, plan: Plan) -> Fold:
    return Fold(campaign, plan)


def test_the_published_figure_comes_out_of_a_plain_fold(campaign: Campaign, fold: Fold) -> None:
    published = campaign.published
    recorded = fold.recorded(published.as_of, published.known_at)
    assert recorded.total() == published.figures["recorded"] == 3355
    assert sum(number for group, number in recorded.items() if not group.startswith("npsn:")) > 0


def test_what_arrived_late_is_what_was_planned(campaign: Campaign, fold: Fold) -> None:
    published, late = campaign.published, campaign.cases["late"]
    assert fold.late(published.as_of, published.known_at) == {
        ("recorded", 1): late["no_network"],
        ("earlier_recording", 1): late["earlier_recording"],
        ("restored", 1): late["restored_after"],
        ("voided", -1): late["voided_after"],
    }
    then, now = fold.recorded(published.as_of, published.known_at), fold.recorded(published.as_of)
    assert now.total() - then.total() == sum(
        sign * number for (_, sign), number in fold.late(published.as_of, published.known_at).items()
    )


def test_one_submission_fewer_is_one_person_fewer(campaign: Campaign, plan: Plan) -> None:
    times = Counter(s.person.nik for s in plan.submissions)
    plain = next(s for s in plan.submissions if s.case == "plain" and times[s.person.nik] == 1)
    fewer = Fold(campaign, plans.without(plan, plain.submission_id))
    assert fewer.recorded(campaign.published.as_of, campaign.published.known_at).total() == 3354


def test_every_outcome_and_every_case_is_there(campaign: Campaign, plan: Plan, fold: Fold) -> None:
    assert set(fold.outcomes) == {"counted", "duplicate", "held", "rejected"}
    cases = Counter(s.case for s in plan.submissions)
    within = campaign.cases["within"]
    assert cases["duplicate"] == within["duplicates"]
    assert cases["out_of_order"] == within["out_of_order"]
    assert sum(s.sent_twice for s in plan.submissions) == within["sent_twice"]
    held = ("clock_reset", "clock_ahead", "under_age", "not_a_voter")
    assert fold.outcomes["held"] == sum(cases[case] for case in held)
    assert fold.outcomes["rejected"] == within["wrong_key"]
    assert Counter(c.action for c in plan.corrections).keys() == {"void", "restore", "reattribute"}
    assert any(s.group is None for s in plan.submissions)
    assert any(s.person.domicile == "35.79" and s.group for s in plan.submissions)
    assert any(s.recorded_at.date().weekday() == 6 and s.kind == "mpp" for s in plan.submissions)


def test_schools_and_targets_add_up(campaign: Campaign, plan: Plan) -> None:
    schools = campaign.schools
    assert len({school.npsn for school in schools}) == 51
    assert sum(school.target for school in schools) == 4586
    assert {school.kecamatan for school in schools} == {"Blimbing", "Klojen", "Kedungkandang", "Sukun", "Lowokwaru"}
    assert all(school.npsn.startswith("205999") and "Contoh" in school.name for school in schools)
    kinds = Counter((school.school_kind, school.ownership) for school in schools)
    assert len(kinds) == 4
    in_force: dict[str, int] = {}
    for target in plan.targets:
        in_force[target.scope] = target.value
        known = {s.statement_id for s in plan.statements if s.known_at < target.known_at}
        assert set(target.based_on) <= known, "a decision cites statements that are there"
    assert in_force.pop("campaign") == 5554
    assert len(in_force) == 51
    assert sum(in_force.values()) == 4586
    assert {t.split for t in plan.targets if t.scope != "campaign"} == {"simulated"}


def test_statements_say_what_was_published(plan: Plan) -> None:
    said = {(s.measure, s.value): s.as_of for s in plan.statements}
    assert said == {
        ("expected", 10000): date(2024, 7, 30),
        ("expected", 22922): date(2024, 8, 31),
        ("recorded", 7105): date(2024, 8, 31),
        ("remaining", 4586): date(2024, 9, 19),
        ("expected", 663178): date(2024, 9, 19),
        ("remaining", 8600): date(2024, 9, 19),
        ("expected", 5554): date(2024, 11, 8),
        ("recorded", 3355): date(2024, 11, 8),
        ("remaining", 2199): date(2024, 11, 8),
    }
    assert all(s.source and s.stated_by for s in plan.statements)


def test_every_nik_is_invented_and_valid(plan: Plan) -> None:
    persons = {s.person.nik: s.person for s in plan.submissions}
    assert len({(p.nik, p.birth_date) for p in persons.values()}) == len(persons)
    women = disagree = 0
    for nik, person in persons.items():
        assert len(nik) == 16
        assert nik.startswith("357399")
        assert nik[12:] != "0000"
        day = int(nik[6:8])
        women += day > 40
        written = date(2000 + int(nik[10:12]), int(nik[8:10]), day - 40 if day > 40 else day)
        disagree += written != person.birth_date
    assert disagree == 5
    assert 0.4 < women / len(persons) < 0.6


def test_who_counts_is_17_on_voting_day_or_married(plan: Plan) -> None:
    for submission in plan.submissions:
        if submission.case in {"under_age", "not_a_voter"}:
            continue
        person = submission.person
        assert person.married or person.birth_date <= date(2007, 11, 27)
    assert any(s.person.birth_date == date(2007, 11, 27) for s in plan.submissions), "17 on the very day"


def test_visits_keep_the_rules_of_sets_and_schools(campaign: Campaign, plan: Plan) -> None:
    schools = {school.group: school for school in campaign.schools}
    at: dict[tuple[date, str], list[tuple[datetime, datetime]]] = defaultdict(list)
    visited: dict[tuple[date, str], set[str]] = defaultdict(set)
    for visit in plan.visits:
        assert campaign.facts["opens_on"] <= visit.day <= campaign.facts["voting_day"]
        if visit.sitting.kind == "school_visit":
            assert 2 <= len(visit.sets) <= 3
        if visit.cancelled:
            continue
        for name in visit.sets:
            at[visit.day, name].append((visit.sitting.starts_at, visit.sitting.ends_at))
            visited[visit.day, name].update(visit.groups)
    assert {name for _, name in at} == {f"set-{n}" for n in range(1, 8)}
    for spans in at.values():
        spans.sort()
        assert all(a[1] <= b[0] for a, b in pairwise(spans)), "a set is at one place at a time"
    for groups in visited.values():
        assert len(groups) <= 3
        assert len({schools[group].kecamatan for group in groups}) <= 1, "near schools"
    assert {g for v in plan.visits for g in v.groups} == set(schools), "every school is visited"
    recorded = Counter(s.session_id for s in plan.submissions if s.session_id)
    for visit in plan.visits:
        assert recorded[visit.sitting.session_id] <= 52 * len(visit.sets)
        assert (recorded[visit.sitting.session_id] > 0) is not visit.cancelled


def test_visits_are_moved_cancelled_and_completed_with_reasons(plan: Plan) -> None:
    actions = Counter(step.action for visit in plan.visits for step in visit.steps)
    assert actions["cancel"] == 1
    assert actions["reschedule"] == 4
    assert actions["complete"] == len(plan.visits) - 1
    for visit in plan.visits:
        times = [step.known_at for step in visit.steps]
        assert times == sorted(times)
        assert visit.steps[-1].action in {"cancel", "complete"}
    reasons = {r for v in plan.visits for r in v.steps[-1].body.get("missed", {})}  # type: ignore[attr-defined]
    assert {"internship", "absent", "documents_missing", "device_fault"} <= reasons
    weekends = {v.day for v in plan.visits if v.sitting.kind == "mpp"}
    assert weekends == {date(2024, 11, day) for day in (9, 10, 16, 17)}
    assert any(v.sitting.kind == "office" and v.day == date(2024, 11, 27) for v in plan.visits)


def test_submissions_arrive_after_they_were_made_but_for_wrong_clocks(plan: Plan) -> None:
    ids = Counter(s.submission_id for s in plan.submissions)
    assert set(ids.values()) == {1}
    for submission in plan.submissions:
        if submission.case != "clock_ahead":
            assert submission.recorded_at < submission.replayed_at
    late = [s for s in plan.submissions if s.replayed_at - s.recorded_at > timedelta(days=1)]
    assert len(late) > 100, "schools without network"


def test_corrections_follow_what_they_correct(plan: Plan) -> None:
    arrived = {s.submission_id: s.replayed_at for s in plan.submissions}
    assert all(correction.known_at > arrived[correction.submission_id] for correction in plan.corrections)


def test_it_is_the_same_every_time(campaign: Campaign, plan: Plan) -> None:
    assert plans.build(load()) == plan
