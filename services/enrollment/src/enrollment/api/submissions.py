"""HTTP in: what became of a submission."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from chassis.conditional import etag
from chassis.db import Pool
from chassis.openapi import problems
from chassis.problems import NOT_FOUND
from chassis.refusal import Unknown
from contracts.decisions import Outcome
from contracts.types import AnyUuid, Campaign
from enrollment.campaigns.store import opened as opened_campaign
from enrollment.devices import decisions


class SubmissionReturn(BaseModel):
    submission_id: str
    outcome: Outcome
    reason: str | None = None
    person_id: str | None = None
    revision: int
    known_at: datetime


def router(pool: Pool) -> APIRouter:
    routes = APIRouter(prefix="/v1/campaigns/{campaign}", tags=["recordings"], responses=problems(NOT_FOUND))

    @routes.get("/submissions/{submission_id}", response_model=SubmissionReturn)
    async def get_submission(campaign: Campaign, submission_id: AnyUuid) -> Response:
        """What became of a submission; 404 until it is decided."""
        async with pool.acquire() as tx:
            await opened_campaign(tx, campaign)
            decided = await decisions.of_submission(tx, campaign, submission_id)
        if decided is None:
            raise Unknown("No such submission has been decided yet.")
        event, person_id = decided
        returned = SubmissionReturn(person_id=person_id, **event.model_dump(exclude={"campaign"}))
        headers = {"ETag": etag(event.revision)}
        return JSONResponse(returned.model_dump(mode="json", exclude_none=True), headers=headers)

    return routes
