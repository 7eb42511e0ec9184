"""Which target is in force. Pure: no I/O, no clock. A decision is never overwritten: the next has a higher revision."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from contracts.targets import FigureStated, TargetUpdated
from reporting.questions.moment import Asked

CAMPAIGN: Final = "campaign"


@dataclass(frozen=True, slots=True)
class TargetsInForce:
    """What holds on a day: the campaign's own decision and those of its groups, never merged, never spread."""

    campaign: TargetUpdated | None = None
    groups: Mapping[str, TargetUpdated] = field(default_factory=dict)

    @property
    def allocated(self) -> int:
        """The sum of the groups' targets."""
        return sum(target.value for target in self.groups.values())

    @property
    def simulated(self) -> bool:
        """Whether a group's target was made up for a demonstration."""
        return any(target.split == "simulated" for target in self.groups.values())

    @property
    def target(self) -> int | None:
        """The campaign's own decision, else the sum of its groups, else unknown."""
        if self.campaign is not None:
            return self.campaign.value
        return self.allocated if self.groups else None

    @property
    def unallocated(self) -> int | None:
        """What the campaign's own decision has beyond its groups (negative: less than they); None without one."""
        return None if self.campaign is None else self.campaign.value - self.allocated

    @property
    def counting_from(self) -> date | None:
        """The first day that counts towards the campaign; None: every day."""
        return None if self.campaign is None else self.campaign.counting_from

    @property
    def later_starts(self) -> dict[str, date]:
        """The groups whose own first day is later than the campaign's: only then does it hold."""
        campaigns = self.counting_from
        own = {group: target.counting_from for group, target in self.groups.items()}
        return {
            group: start
            for group, start in own.items()
            if start is not None and (campaigns is None or start > campaigns)
        }

    def has(self, target: TargetUpdated) -> bool:
        """Whether this revision is the one that holds for its scope."""
        held = self.campaign if target.scope == CAMPAIGN else self.groups.get(target.scope)
        return held is not None and held.revision == target.revision


def in_force(decided: Iterable[TargetUpdated], on: date, known_at: datetime | None = None) -> TargetsInForce:
    """The targets of a day as known at an instant (None: as known now).

    Of a scope's decisions known by then and effective by that day the highest revision holds; withdrawn means none.
    """
    newest: dict[str, TargetUpdated] = {}
    for target in decided:
        if target.effective_from > on or (known_at is not None and target.known_at > known_at):
            continue
        held = newest.get(target.scope)
        if held is None or target.revision > held.revision:
            newest[target.scope] = target
    standing = {scope: target for scope, target in sorted(newest.items()) if not target.withdrawn}
    return TargetsInForce(standing.pop(CAMPAIGN, None), standing)


class TargetRow(TargetUpdated):
    """A revision of a decision, and whether it is the one in force."""

    in_force: bool


class Targets(Asked):
    """Every revision of the office's decisions known by then."""

    targets: list[TargetRow]


class Statements(Asked):
    """What was stated, by whom, about what: evidence, which changes no coverage."""

    statements: list[FigureStated]
