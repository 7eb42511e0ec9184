"""What the office decides about schools."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chassis.refusal import Check, Refused
from contracts.schools import CampaignOpened, SchoolListed
from enrollment.schools import rules
from enrollment.schools.store import SCHOOLS
from exactly_once import Connection


async def list_schools(
    tx: Connection,
    campaign: CampaignOpened,
    states: Sequence[Mapping[str, Any]],
    now: datetime,
    checks: Sequence[Check] = (),
) -> list[SchoolListed]:
    """Lists schools or changes what is said of them, all or none; they are locked. Returns them as they are then.

    Raises Refused for a school that is named twice, and what its check, if it has one, raises of its last revision.
    """
    npsns = [state["npsn"] for state in states]
    if twice := rules.repeated(npsns):
        raise Refused("", *((f"#/schools/{index}/npsn", "is in this list already") for index in twice))
    last = {school.npsn: school for school in await SCHOOLS.newest(tx, campaign.campaign, ids=npsns)}
    for npsn, check in zip(npsns, checks, strict=False):
        check(last.get(npsn))
    listed = [SchoolListed.next(last.get(s["npsn"]), now, campaign=campaign.campaign, **s) for s in states]
    new = [school for school in listed if not school.says_the_same_as(last.get(school.npsn))]
    kept = {school.npsn: school for school in await SCHOOLS.append(tx, new)}
    return [kept.get(school.npsn) or last[school.npsn] for school in listed]
