"""What a visit must satisfy, each rule once: a command is refused by the first that is broken, a planner asks for all.

Pure: no I/O, no clock. A set with its crew is a team: it is never at two visits at once, and goes to at most 3 schools
a day.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from contracts.schools import CampaignOpened
from scheduling.refusal import Refused
from scheduling.visits.model import SCHOOL_VISIT, Plan, PlannedVisit

SCHOOLS_A_DAY: Final = 3


@dataclass(frozen=True, slots=True)
class Situation:
    """What a plan is judged against: the campaign, its sets (id: in service), the listed among the groups asked for,
    and the visits of the day."""

    campaign: CampaignOpened
    sets: Mapping[str, bool]
    listed: Collection[str]
    visits: Sequence[PlannedVisit]

    def beside(self, visit_id: str, plan: Plan) -> list[PlannedVisit]:
        """The other visits of the plan's day that take sets."""
        others = (visit for visit in self.visits if visit.visit_id != visit_id and visit.plan.day == plan.day)
        return [visit for visit in others if visit.status != "cancelled"]


def in_campaign(plan: Plan, situation: Situation) -> Refused | None:
    """A visit is on a day of the campaign, voting day included."""
    opens_on, voting_day = situation.campaign.opens_on, situation.campaign.voting_day
    if opens_on <= plan.day <= voting_day:
        return None
    return Refused(
        "outside_campaign",
        f"The campaign runs from {opens_on} to {voting_day}: choose a day in it.",
        "#/day",
        opens_on=opens_on.isoformat(),
        voting_day=voting_day.isoformat(),
    )


def on_its_day(plan: Plan, situation: Situation) -> Refused | None:
    """A visit begins and ends on its day, by the campaign's clock."""
    zone = situation.campaign.zone
    instants = {"#/starts_at": plan.starts_at, "#/ends_at": plan.ends_at}
    wrong = [at for at, instant in instants.items() if instant.astimezone(ZoneInfo(zone)).date() != plan.day]
    if not wrong:
        return None
    return Refused("not_on_day", f"A visit begins and ends on its day, by the clock of {zone}.", *wrong, zone=zone)


def in_order(plan: Plan, _situation: Situation) -> Refused | None:
    """A visit begins before it ends."""
    if plan.starts_at < plan.ends_at:
        return None
    return Refused("not_in_order", "A visit begins before it ends.", "#/starts_at", "#/ends_at")


def groups_once(plan: Plan, _situation: Situation) -> Refused | None:
    """Each group is named once."""
    twice = [f"#/groups/{i}" for i, group in enumerate(plan.groups) if group in plan.groups[:i]]
    return Refused("group_twice", "Each group is named once.", *twice) if twice else None


def goes_to_schools(plan: Plan, situation: Situation) -> Refused | None:
    """A school visit names its schools, which enrollment has listed."""
    if plan.kind != SCHOOL_VISIT:
        return None
    if not plan.groups:
        return Refused("no_school", "A school visit names its schools, as `npsn:<npsn>`.", "#/groups")
    unlisted = [f"#/groups/{i}" for i, group in enumerate(plan.groups) if group not in situation.listed]
    if not unlisted:
        return None
    detail = "A school visit goes to schools that enrollment has listed. One listed just now may still be on its way."
    return Refused("school_not_listed", detail, *unlisted)


def few_schools(plan: Plan, _situation: Situation) -> Refused | None:
    """No visit goes to more schools than a team manages in a day."""
    if len(plan.schools) <= SCHOOLS_A_DAY:
        return None
    return Refused("too_many_schools", f"A team goes to at most {SCHOOLS_A_DAY} schools a day.", "#/groups")


OF_THE_PLAN: Final[tuple[Callable[[Plan, Situation], Refused | None], ...]] = (
    in_campaign, on_its_day, in_order, groups_once, goes_to_schools, few_schools,
)  # fmt: skip

Sets = Sequence[str]
Beside = Sequence[PlannedVisit]


def sets_known(sets: Sets, _plan: Plan, own: Mapping[str, bool], _beside: Beside) -> Refused | None:
    """Each set is named once, and is one of the campaign's."""
    if twice := [f"#/sets/{i}" for i, set_id in enumerate(sets) if set_id in sets[:i]]:
        return Refused("set_twice", "Each set is named once.", *twice)
    if unknown := [f"#/sets/{i}" for i, set_id in enumerate(sets) if set_id not in own]:
        return Refused("unknown_set", "The campaign has no such set.", *unknown, known=sorted(own))
    return None


def sets_in_service(sets: Sets, _plan: Plan, own: Mapping[str, bool], _beside: Beside) -> Refused | None:
    """Only a set in service goes."""
    out = sorted(set_id for set_id in sets if not own[set_id])
    if not out:
        return None
    return Refused("set_out_of_service", "Some of these sets are out of service: choose others.", sets=out)


def sets_free(sets: Sets, plan: Plan, _own: Mapping[str, bool], beside: Beside) -> Refused | None:
    """A set is at one visit at a time."""
    clashes = [visit.named(sets=taken) for visit in beside if (taken := _shared(sets, plan, visit))]
    if not clashes:
        return None
    return Refused("set_taken", "Some of these sets are at another visit at that time.", visits=clashes)


def teams_not_tired(sets: Sets, plan: Plan, _own: Mapping[str, bool], beside: Beside) -> Refused | None:
    """A team goes to a few schools a day, all its visits together."""
    schools = {set_id: _schools(set_id, plan, beside) for set_id in sorted(sets)}
    tired = {set_id: sorted(visited) for set_id, visited in schools.items() if len(visited) > SCHOOLS_A_DAY}
    if not tired:
        return None
    detail = f"A team goes to at most {SCHOOLS_A_DAY} schools a day; with this visit these would go to more."
    return Refused("too_many_schools", detail, teams=tired)


OF_THE_SETS: Final = (sets_known, sets_in_service, sets_free, teams_not_tired)


def broken(visit_id: str, plan: Plan, situation: Situation) -> Iterator[Refused]:
    """Every rule that a plan with its sets breaks, in the order in which a command is told."""
    yield from (refusal for rule in OF_THE_PLAN if (refusal := rule(plan, situation)))
    yield from _broken_by_sets(plan.sets, plan, situation.sets, situation.beside(visit_id, plan))


def choose(
    asked: Sequence[str] | int, visit_id: str, plan: Plan, own: Iterable[str], situation: Situation
) -> tuple[str, ...]:
    """The sets that go, sorted: the ones asked for, or that many of the free ones, `own` first, then the lowest ids.

    Raises Refused with the first rule that is broken.
    """
    for rule in OF_THE_PLAN:
        if refusal := rule(plan, situation):
            raise refusal
    beside = situation.beside(visit_id, plan)
    if isinstance(asked, int):
        return _free(asked, plan, frozenset(own), situation.sets, beside)
    for refusal in _broken_by_sets(asked, plan, situation.sets, beside):
        raise refusal
    return tuple(sorted(asked))


def _broken_by_sets(sets: Sets, plan: Plan, own: Mapping[str, bool], beside: Beside) -> Iterator[Refused]:
    for rule in OF_THE_SETS:
        if refusal := rule(sets, plan, own, beside):
            yield refusal
            if rule is sets_known:
                return  # the others ask about sets that are there


def _free(wanted: int, plan: Plan, own: frozenset[str], sets: Mapping[str, bool], beside: Beside) -> tuple[str, ...]:
    in_service = sorted(set_id for set_id, serves in sets.items() if serves)
    if wanted > len(in_service):
        raise Refused("more_sets_than_exist", "There are not that many sets in service.", in_service=in_service)
    free = [set_id for set_id in in_service if not any(_broken_by_sets([set_id], plan, sets, beside))]
    if wanted > len(free):
        raise Refused(
            "not_enough_free_sets",
            "Not that many sets are free: the others are at another visit at that time, or at enough schools that day.",
            free=free,
            visits=[visit.named() for visit in beside if (set(in_service) - set(free)) & set(visit.plan.sets)],
        )
    return tuple(sorted(sorted(free, key=lambda set_id: set_id not in own)[:wanted]))


def _shared(sets: Iterable[str], plan: Plan, visit: PlannedVisit) -> list[str]:
    """Those of the sets that are at the visit while the plan needs them."""
    return sorted(set(sets) & set(visit.plan.sets)) if plan.overlaps(visit.plan) else []


def _schools(set_id: str, plan: Plan, beside: Beside) -> set[str]:
    """The schools that a set would go to on the day."""
    return set(plan.schools).union(*(visit.plan.schools for visit in beside if set_id in visit.plan.sets))
