"""HTTP in: statements, which are evidence, and targets, which are decisions."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.bodies import Expected, Revised
from chassis.commands import Answer, Commands, IdempotencyKey, answer
from chassis.conditional import IfMatchOrNew
from chassis.db import Pool
from chassis.openapi import ETAG, problems
from chassis.problems import EXISTS, INVALID, KEY_REUSED, NOT_FOUND, STALE_REVISION
from contracts.schools import CampaignOpened
from contracts.targets import FigureStated, Measure, TargetUpdated
from contracts.types import AnyUuid, Campaign, Count, Day, Flag, Label, Reason, Scope, Split, Text
from enrollment.campaigns.store import lock
from enrollment.campaigns.store import opened as opened_campaign
from enrollment.targets.handlers import decide_target, state_figure
from enrollment.targets.store import STATEMENTS, TARGETS
from exactly_once import Connection


class StateFigure(Revised):
    """A statement. With the id of one that exists it is its next revision."""

    statement_id: Annotated[AnyUuid | None, Field(description="A UUIDv7; made here when left out.")] = None
    scope: Scope
    population: Label
    measure: Measure
    value: Count
    as_of: Day
    stated_on: Day
    stated_by: Label
    source: Text
    supersedes: list[AnyUuid] = Field(default_factory=list, max_length=1000)
    withdrawn: Flag = False


class DecideTarget(Revised):
    """The office's decision for a scope: its next revision."""

    scope: Scope
    value: Count
    effective_from: Day
    counting_from: Day | None = None
    based_on: list[AnyUuid] = Field(default_factory=list, max_length=1000, description="Statements that exist.")
    split: Split
    reason: Reason
    withdrawn: Flag = False


class StatementsReturn(BaseModel):
    statements: list[FigureStated]


class TargetsReturn(BaseModel):
    targets: list[TargetUpdated]


def router(pool: Pool, commands: Commands) -> APIRouter:
    routes = APIRouter(prefix="/v1/campaigns/{campaign}", tags=["figures"], responses=problems(NOT_FOUND))

    @routes.post(
        "/statements",
        status_code=201,
        response_model=FigureStated,
        responses={
            **problems(STALE_REVISION, EXISTS, INVALID, KEY_REUSED),
            200: {"model": FigureStated, "headers": ETAG, "description": "It was known: changed, or the same again."},
            201: {"headers": ETAG},
        },
    )
    async def post_statement(
        request: Request, campaign: Campaign, body: StateFigure, expected: IfMatchOrNew, key: IdempotencyKey = None
    ) -> Response:
        """Adds a statement, or a revision of one whose `statement_id` exists. It changes no coverage."""

        async def act(tx: Connection, opened: CampaignOpened, now: datetime) -> Answer:
            check = Expected(body, opened.clock, expected)
            figure = await state_figure(tx, opened, body.statement_id, body.said("statement_id"), now, check)
            return answer(figure, 200 if check.last else 201)

        return await commands.do(request, campaign, key, body, act, partial(lock, campaign=campaign, part="figures"))

    @routes.post(
        "/targets",
        status_code=201,
        response_model=TargetUpdated,
        responses={
            **problems(STALE_REVISION, EXISTS, INVALID, KEY_REUSED),
            200: {"model": TargetUpdated, "headers": ETAG, "description": "It was decided so already."},
            201: {"headers": ETAG},
        },
    )
    async def post_target(
        request: Request, campaign: Campaign, body: DecideTarget, expected: IfMatchOrNew, key: IdempotencyKey = None
    ) -> Response:
        """Decides the target of a scope: its next revision. `If-Match` is the scope's last one."""

        async def act(tx: Connection, opened: CampaignOpened, now: datetime) -> Answer:
            check = Expected(body, opened.clock, expected)
            target = await decide_target(tx, opened, body.said(), now, check)
            return answer(target, 200 if target is check.last else 201)

        return await commands.do(request, campaign, key, body, act, partial(lock, campaign=campaign, part="figures"))

    @routes.get("/statements", response_model=StatementsReturn)
    async def get_statements(campaign: Campaign) -> Response:
        """Every revision of every statement, as they became known."""
        async with pool.acquire() as tx:
            await opened_campaign(tx, campaign)
            figures = await STATEMENTS.every(tx, campaign)
        figures.sort(key=lambda figure: (figure.known_at, figure.statement_id, figure.revision))
        return JSONResponse({"statements": [figure.model_dump(mode="json", exclude_none=True) for figure in figures]})

    @routes.get("/targets", response_model=TargetsReturn)
    async def get_targets(campaign: Campaign) -> Response:
        """Every decision for every scope, as they became known."""
        async with pool.acquire() as tx:
            await opened_campaign(tx, campaign)
            targets = await TARGETS.every(tx, campaign)
        targets.sort(key=lambda target: (target.known_at, target.scope, target.revision))
        return JSONResponse({"targets": [target.model_dump(mode="json", exclude_none=True) for target in targets]})

    return routes
