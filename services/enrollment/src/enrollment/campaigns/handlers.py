"""What the office decides about a campaign."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chassis.refusal import Check, Refused, unchecked
from contracts.schools import CampaignOpened
from enrollment.campaigns import rules, store
from enrollment.campaigns.store import CAMPAIGNS
from exactly_once import Connection


async def open_campaign(
    tx: Connection, campaign: str, state: Mapping[str, Any], now: datetime, check: Check = unchecked
) -> CampaignOpened:
    """Opens a campaign or changes it; it is locked. Its days and zone are fixed once a submission was assessed by them.

    Raises Refused, and what `check` raises of the last revision.
    """
    last = await CAMPAIGNS.last(tx, campaign, campaign)
    check(last)
    new = CampaignOpened.next(last, now, campaign=campaign, **state)
    if faults := rules.campaign_faults(new, last):
        raise Refused("", *faults)
    changed = rules.assessing_fields_changed(new, last) if last else []
    if changed and await store.has_submissions(tx, campaign):
        raise Refused(f"Submissions have been judged by it already: {', '.join(changed)} cannot change.")
    return await CAMPAIGNS.append_if_new(tx, new, last)
