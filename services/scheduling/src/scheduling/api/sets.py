"""HTTP in: recording sets of a campaign."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.bodies import Expected, Revised
from chassis.commands import Answer, Commands, IdempotencyKey, answer
from chassis.conditional import IfMatchOrNew
from chassis.db import Pool
from chassis.openapi import ETAG, problems
from chassis.problems import EXISTS, INVALID, KEY_REUSED, NOT_FOUND, REFUSED, STALE_REVISION
from contracts.schools import CampaignOpened
from contracts.types import Campaign, Flag, Label, Slug
from exactly_once import Connection
from scheduling.campaigns.store import opened as opened_campaign
from scheduling.sets.handlers import put_set as put_recording_set
from scheduling.sets.rules import RecordingSet
from scheduling.sets.store import SETS


class PutSet(Revised):
    set_id: Annotated[Slug | None, Field(description="If given, the one in the address.")] = None
    label: Label | None = None
    in_service: Flag = True


class SetReturn(RecordingSet):
    """A recording set as it is now."""


class SetsReturn(BaseModel):
    """The campaign's recording sets, by id."""

    sets: list[SetReturn]


def router(pool: Pool, commands: Commands) -> APIRouter:
    routes = APIRouter(prefix="/v1/campaigns/{campaign}", tags=["sets"], responses=problems(NOT_FOUND))

    @routes.put(
        "/sets/{set_id}",
        response_model=SetReturn,
        responses={
            **problems(NOT_FOUND, REFUSED, STALE_REVISION, EXISTS, INVALID, KEY_REUSED),
            200: {"headers": ETAG},
            201: {"model": SetReturn, "headers": ETAG},
        },
    )
    async def put_set(
        request: Request,
        campaign: Campaign,
        set_id: Slug,
        body: Annotated[PutSet, Body(default_factory=PutSet)],
        expected: IfMatchOrNew,
        key: IdempotencyKey = None,
    ) -> Response:
        """Makes a recording set or changes it. One that coming visits count on stays in service."""

        async def act(tx: Connection, opened: CampaignOpened, now: datetime) -> Answer:
            body.check_address(set_id=set_id)
            check = Expected(body, opened.clock, expected)
            asked = {"set_id": set_id, "label": body.label, "in_service": body.in_service}
            return answer(await put_recording_set(tx, opened, asked, now, check), 200 if check.last else 201)

        return await commands.do(request, campaign, key, body, act)

    @routes.get("/sets", response_model=SetsReturn)
    async def list_sets(campaign: Campaign) -> Response:
        """All recording sets of the campaign, by id."""
        async with pool.acquire() as tx:
            await opened_campaign(tx, campaign)
            sets = await SETS.newest(tx, campaign)
        return JSONResponse(
            {"sets": [recording_set.model_dump(mode="json", exclude_none=True) for recording_set in sets]}
        )

    return routes
