"""How many persons are recorded where: quotas for each school, fitted so that the whole comes to a given sum."""

from collections.abc import Mapping
from random import Random
from typing import Final, TypeVar

from demo.campaign import Campaign
from demo.model import School

Key = TypeVar("Key")
YIELD: Final = {"SMA": (0.68, 0.86), "SMK": (0.5, 0.68)}  # share of the target, before it is fitted


def shared(total: int, weights: Mapping[Key, float], most: Mapping[Key, int] | None = None) -> dict[Key, int]:
    """Whole numbers in proportion to the weights that sum to `total` exactly, none above its `most`."""
    whole = sum(weights.values())
    exact = {key: total * weight / whole for key, weight in weights.items()}
    parts = {key: min(int(value), most[key] if most else int(value)) for key, value in exact.items()}
    while (missing := total - sum(parts.values())) > 0:
        room = [key for key in parts if most is None or parts[key] < most[key]]
        if not room:
            raise ValueError("more than there is room for")
        for key in sorted(room, key=lambda key: parts[key] - exact[key])[:missing]:
            parts[key] += 1
    return parts


def by_the_cut_off(campaign: Campaign, random: Random, total: int) -> dict[School, int]:
    """Persons of each school recorded by the cut-off and known then. SMK, with their internships, lag behind SMA."""
    over = campaign.cases["over_target"]
    weights = {
        school: school.target * random.uniform(*YIELD[school.school_kind])
        for school in campaign.schools
        if school.npsn != over["npsn"]
    }
    most = {school: school.target * 19 // 20 for school in weights}
    quotas = shared(total - over["recorded"], weights, most)
    return {school: quotas.get(school, over["recorded"]) for school in campaign.schools}


def after_the_cut_off(random: Random, total: int, recorded: Mapping[School, int]) -> dict[School, int]:
    """Persons of each school recorded after the cut-off: part of those who are still missing."""
    room = {school: max(school.target - number, 0) for school, number in recorded.items()}
    return shared(total, {school: left * random.uniform(0.5, 1.0) for school, left in room.items()}, room)
