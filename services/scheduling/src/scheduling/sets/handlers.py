"""What the office decides about recording sets."""

from datetime import datetime
from typing import Any

from chassis.refusal import Check, unchecked
from contracts.schools import CampaignOpened
from exactly_once import Connection
from scheduling.sets import rules
from scheduling.sets.rules import RecordingSet
from scheduling.sets.store import SETS
from scheduling.visits import store as visits


async def put_set(
    tx: Connection, campaign: CampaignOpened, asked: dict[str, Any], now: datetime, check: Check = unchecked
) -> RecordingSet:
    """Makes a set (`set_id`, `label`, `in_service`) or changes it; the campaign is locked.

    Raises Refused where coming visits count on it, and what `check` raises of the last revision.
    """
    last = await SETS.last(tx, campaign.campaign, asked["set_id"])
    check(last)
    coming = await visits.some(tx, campaign.campaign, status="scheduled", sets=[asked["set_id"]])
    return await SETS.append_if_new(tx, rules.put(last, asked, coming, campaign, now), last)
