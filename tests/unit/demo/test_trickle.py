"""The walk-ins after the replay: nobody whom it has, and no figure of the cut-off moves."""

from itertools import islice
from random import Random

from demo import plan
from demo.campaign import load
from demo.trickle import walk_ins


def test_walk_ins_are_new_and_come_after_the_cut_off() -> None:
    campaign = load()
    played = plan.build(campaign)
    more = list(islice(walk_ins(campaign, played, Random(1)), 100))
    persons = {submission.person.nik for submission in more}
    assert len(persons) == len(more) == 100
    assert not persons & {submission.person.nik for submission in played.submissions}
    assert {submission.recorded_at.date() for submission in more} == {campaign.facts["voting_day"]}
    assert all(submission.recorded_at > campaign.published.known_at for submission in more)
    assert all(submission.replayed_at >= submission.recorded_at for submission in more)
    assert {submission.group for submission in more} <= {school.group for school in campaign.schools}


def test_they_end() -> None:
    campaign = load()
    assert len(list(walk_ins(campaign, plan.build(campaign), Random(2)))) == 300
