"""Which target is in force. Pure: no I/O, no clock. A decision is never overwritten: the next has a higher revision."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

CAMPAIGN: Final = "campaign"


@dataclass(frozen=True, slots=True)
class Decision:
    """One revision of the office's decision for a scope: `campaign` or a group."""

    scope: str
    revision: int
    known_at: datetime
    value: int
    effective_from: date
    counting_from: date | None = None
    withdrawn: bool = False
    split: str = "stated"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is in force on a day: the campaign's own decision and those of its groups, never merged, never spread."""

    campaign: Decision | None = None
    groups: Mapping[str, Decision] = field(default_factory=dict)

    @property
    def allocated(self) -> int:
        """The sum over the groups."""
        return sum(decision.value for decision in self.groups.values())

    @property
    def simulated(self) -> bool:
        """Whether a group's target was made up for a demonstration."""
        return any(decision.split == "simulated" for decision in self.groups.values())

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
        own = {group: decision.counting_from for group, decision in self.groups.items()}
        from_campaign = self.counting_from
        return {
            group: start
            for group, start in own.items()
            if start is not None and (from_campaign is None or start > from_campaign)
        }


def in_force(decisions: Iterable[Decision], on: date, known_at: datetime | None = None) -> Plan:
    """The plan for a day as known at an instant (None: as known now).

    Of a scope's decisions known by then and effective by that day the highest revision holds; withdrawn means none.
    """
    newest: dict[str, Decision] = {}
    for decision in decisions:
        if decision.effective_from > on or (known_at is not None and decision.known_at > known_at):
            continue
        known = newest.get(decision.scope)
        if known is None or decision.revision > known.revision:
            newest[decision.scope] = decision
    standing = {scope: decision for scope, decision in newest.items() if not decision.withdrawn}
    return Plan(standing.get(CAMPAIGN), {scope: d for scope, d in sorted(standing.items()) if scope != CAMPAIGN})
