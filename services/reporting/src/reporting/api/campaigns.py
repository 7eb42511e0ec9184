"""`GET /v1/campaigns`: which campaigns there are."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from contracts.schools import Clock
from reporting.questions.moment import Campaign
from reporting.questions.reading import every_campaign
from reporting.questions.turns import Questions


class CampaignReturn(BaseModel):
    """What has been heard of a campaign; null until it is heard how it was opened."""

    campaign: str
    name: str | None
    region_code: str | None
    zone: Annotated[str, Field(description="Its days are counted in it.")]
    voting_day: date | None
    clock: Clock


class CampaignsReturn(BaseModel):
    """The campaigns of which something has been heard, by their slugs."""

    campaigns: list[CampaignReturn]


def router(questions: Questions) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/v1/campaigns", tags=["campaigns"])

    @routes.get("", response_model=CampaignsReturn)
    async def get_campaigns() -> Response:
        """Every campaign of which something has been heard."""
        async with questions.snapshot(dear=False) as tx:
            campaigns = await every_campaign(tx)
        body = CampaignsReturn(campaigns=[_returned(campaign) for campaign in campaigns])
        return Response(body.model_dump_json(), media_type="application/json")

    return routes


def _returned(campaign: Campaign) -> CampaignReturn:
    return CampaignReturn(
        campaign=campaign.campaign,
        name=campaign.name,
        region_code=campaign.region_code,
        zone=campaign.zone.key,
        voting_day=campaign.voting_day,
        clock="replay" if campaign.replayed else "live",
    )
