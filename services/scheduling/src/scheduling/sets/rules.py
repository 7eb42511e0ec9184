"""When a recording set may leave service. Pure: no I/O, no clock."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from contracts.envelope import Fact
from contracts.schools import CampaignOpened
from contracts.types import Flag, Label, Slug
from scheduling.refusal import Refused
from scheduling.visits.model import PlannedVisit


class RecordingSet(Fact):
    """One revision of a set: the devices with their crew. Kept by this service, published on no topic."""

    type: ClassVar[str] = "scheduling.set-put.v1"
    aggregate: ClassVar[str] = "set"
    set_id: Slug
    label: Label | None = None
    in_service: Flag = True

    @property
    def subject(self) -> str:
        return self.set_id


def put(
    last: RecordingSet | None,
    asked: dict[str, Any],
    coming: Sequence[PlannedVisit],
    campaign: CampaignOpened,
    now: datetime,
) -> RecordingSet:
    """The set as asked for (`set_id`, `label`, `in_service`); its last revision when nothing changes.

    `coming` are visits that count on the set. Raises Refused when one of today or later would miss it.
    """
    new = RecordingSet.next(last, now, campaign=campaign.campaign, **asked)
    today = campaign.day_of(now)
    needed = [visit for visit in coming if visit.status == "scheduled" and visit.plan.day >= today]
    if needed and not new.in_service:
        raise Refused(
            "set_needed",
            "Coming visits count on this set: give them other sets or cancel them first.",
            visits=[visit.named() for visit in needed],
        )
    return last if last is not None and new.says_the_same_as(last) else new
