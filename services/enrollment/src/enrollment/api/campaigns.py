"""HTTP in: the campaign."""

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.bodies import Expected, Revised
from chassis.commands import Answer, Commands, IdempotencyKey, answer
from chassis.conditional import IfMatchOrNew
from chassis.db import Pool
from chassis.openapi import ETAG, problems
from chassis.problems import EXISTS, INVALID, KEY_REUSED, NOT_FOUND, REFUSED, STALE_REVISION
from contracts.schools import CampaignOpened, Clock, Zone
from contracts.types import Campaign, Day, Kind, Label, Regency
from enrollment.campaigns import store
from enrollment.campaigns.handlers import open_campaign
from exactly_once import Connection, decision_instant


class PutCampaign(Revised):
    """A campaign. `clock` is chosen when it is opened and stays."""

    name: Label
    region_code: Regency
    zone: Zone
    opens_on: Day
    voting_day: Day
    clock: Clock | None = None
    kinds: list[Kind] = Field(default_factory=list, max_length=1000)


class CampaignsReturn(BaseModel):
    """The campaigns as they are now."""

    campaigns: list[CampaignOpened]


def router(pool: Pool, commands: Commands) -> APIRouter:
    routes = APIRouter(prefix="/v1/campaigns", tags=["campaign"], responses=problems(NOT_FOUND))

    @routes.put(
        "/{campaign}",
        response_model=CampaignOpened,
        responses={
            **problems(REFUSED, STALE_REVISION, EXISTS, INVALID, KEY_REUSED),
            200: {"headers": ETAG},
            201: {"model": CampaignOpened, "headers": ETAG},
        },
    )
    async def put_campaign(
        request: Request, campaign: Campaign, body: PutCampaign, expected: IfMatchOrNew, key: IdempotencyKey = None
    ) -> Response:
        """Opens a campaign or changes it. Its days and zone are fixed once a submission was judged by them."""

        async def command(tx: Connection) -> Answer:
            body.check_address(campaign=campaign)
            await store.lock(tx, campaign, "campaign")
            last = await store.CAMPAIGNS.last(tx, campaign, campaign)
            clock = last.clock if last else body.clock or "live"
            now, check = await decision_instant(tx, body.replayed_at(clock)), Expected(body, clock, expected)
            state = {**body.said("clock"), "clock": body.clock or clock}
            return answer(await open_campaign(tx, campaign, state, now, check), 200 if last else 201)

        return await commands.once(request, f"campaign {campaign}", key, command)

    @routes.get("", response_model=CampaignsReturn)
    async def get_campaigns() -> Response:
        """Every campaign as it is now, by its slug."""
        async with pool.acquire() as tx:
            campaigns = await store.every(tx)
        return JSONResponse({"campaigns": [each.model_dump(mode="json", exclude_none=True) for each in campaigns]})

    @routes.get("/{campaign}", response_model=CampaignOpened, responses={200: {"headers": ETAG}})
    async def get_campaign(campaign: Campaign) -> Response:
        """The campaign as it is now."""
        async with pool.acquire() as tx:
            return answer(await store.opened(tx, campaign)).response()

    return routes
