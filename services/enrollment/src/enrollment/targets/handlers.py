"""What the office states, which is evidence, and what it decides."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chassis.refusal import Check, Refused, unchecked
from contracts.schools import CampaignOpened
from contracts.targets import FigureStated, TargetUpdated
from enrollment.targets import store
from enrollment.targets.store import STATEMENTS, TARGETS
from exactly_once import Connection


async def state_figure(
    tx: Connection,
    campaign: CampaignOpened,
    statement_id: str | None,
    figure: Mapping[str, Any],
    now: datetime,
    check: Check = unchecked,
) -> FigureStated:
    """Adds a statement, or the next revision of the one with this id; the figures are locked. It changes no coverage.

    Raises Refused where `supersedes` names what nobody has stated, and what `check` raises of the last revision.
    """
    statement_id = statement_id or await store.new_statement_id(tx)
    last = await STATEMENTS.last(tx, campaign.campaign, statement_id)
    check(last)
    await _require_stated(tx, campaign, "supersedes", figure["supersedes"])
    new = FigureStated.next(last, now, campaign=campaign.campaign, statement_id=statement_id, **figure)
    return await STATEMENTS.append_if_new(tx, new, last)


async def decide_target(
    tx: Connection,
    campaign: CampaignOpened,
    decision: Mapping[str, Any],
    now: datetime,
    check: Check = unchecked,
) -> TargetUpdated:
    """Decides the target of a scope: its next revision, or the last if nothing new is decided; the figures are locked.

    Raises Refused where `based_on` names what nobody has stated, and what `check` raises of the last revision.
    """
    last = await TARGETS.last(tx, campaign.campaign, decision["scope"])
    check(last)
    await _require_stated(tx, campaign, "based_on", decision["based_on"])
    new = TargetUpdated.next(last, now, campaign=campaign.campaign, **decision)
    return await TARGETS.append_if_new(tx, new, last)


async def _require_stated(tx: Connection, campaign: CampaignOpened, field: str, statement_ids: Sequence[str]) -> None:
    unstated = await store.unstated(tx, campaign.campaign, statement_ids) if statement_ids else set()
    if unstated:
        detail = "no statement of this campaign has this id"
        at = [index for index, statement_id in enumerate(statement_ids) if statement_id in unstated]
        raise Refused("", *((f"#/{field}/{index}", detail) for index in at))
