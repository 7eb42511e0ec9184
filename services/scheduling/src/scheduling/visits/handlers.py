"""What the office decides about visits; the campaign is locked meanwhile."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chassis.refusal import Check, Taken, Unknown, unchecked
from contracts.schools import CampaignOpened
from exactly_once import Connection
from scheduling.campaigns import store as campaigns
from scheduling.sets import store as sets
from scheduling.visits import rules, store
from scheduling.visits.constraints import Situation
from scheduling.visits.model import Asked, PlannedVisit


async def schedule_visit(
    tx: Connection,
    campaign: CampaignOpened,
    visit_id: str | None,
    asked: Asked,
    now: datetime,
    check: Check = unchecked,
) -> PlannedVisit:
    """Schedules a visit; the same id and plan again is the visit as it is now.

    Raises Refused, Taken where the id has another plan, and what `check` raises of the visit that is there.
    """
    visit_id = visit_id or await store.new_id(tx)
    last = await store.last(tx, campaign.campaign, visit_id)
    check(last)
    if last is not None:
        first = await store.last(tx, campaign.campaign, visit_id, 1) or last
        if not rules.asks_for(asked, first.plan, campaign.zone):
            raise Taken("This visit_id has another plan already: use a new one, or PATCH the visit.")
        return last
    return await _add(tx, None, rules.schedule(visit_id, asked, await _situation(tx, campaign, asked), now))


async def reschedule_visit(
    tx: Connection,
    campaign: CampaignOpened,
    visit_id: str,
    changes: Mapping[str, Any],
    now: datetime,
    check: Check = unchecked,
) -> PlannedVisit:
    """Changes a visit, by fields of `Asked`. Raises Refused, Unknown, and what `check` raises of it."""
    visit = await get_visit(tx, campaign.campaign, visit_id, check)
    asked = rules.after(visit, changes, campaign.zone)
    return await _add(tx, visit, rules.reschedule(visit, asked, await _situation(tx, campaign, asked), now))


async def cancel_visit(
    tx: Connection, campaign: CampaignOpened, visit_id: str, reason: str, now: datetime, check: Check = unchecked
) -> PlannedVisit:
    """Cancels a visit, for good; its sets are free. Raises Refused, Unknown, and what `check` raises of it."""
    visit = await get_visit(tx, campaign.campaign, visit_id, check)
    return await _add(tx, visit, rules.cancel(visit, reason, now))


async def complete_visit(
    tx: Connection,
    campaign: CampaignOpened,
    visit_id: str,
    missed: Mapping[str, int] | None,
    now: datetime,
    check: Check = unchecked,
) -> PlannedVisit:
    """Says that a visit took place, and who was missed why. Raises Refused, Unknown, and what `check` raises of it."""
    visit = await get_visit(tx, campaign.campaign, visit_id, check)
    return await _add(tx, visit, rules.complete(visit, missed, campaign.zone, now))


async def get_visit(tx: Connection, campaign: str, visit_id: str, check: Check = unchecked) -> PlannedVisit:
    """A visit as it is now. Raises Unknown, and what `check` raises of it."""
    visit = await store.last(tx, campaign, visit_id)
    if visit is None:
        raise Unknown("The campaign has no such visit.", reason="unknown_visit")
    check(visit)
    return visit


async def _situation(tx: Connection, campaign: CampaignOpened, asked: Asked) -> Situation:
    return Situation(
        campaign=campaign,
        sets=await sets.in_service(tx, campaign.campaign),
        listed=await campaigns.listed(tx, campaign.campaign, asked.groups),
        visits=await store.some(tx, campaign.campaign, day=asked.day),
    )


async def _add(tx: Connection, last: PlannedVisit | None, new: PlannedVisit) -> PlannedVisit:
    if new is not last:
        await store.add(tx, new)
    return new
