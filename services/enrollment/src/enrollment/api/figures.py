"""HTTP in: statements, which are evidence, and targets, which are decisions."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.commands import Answer, IdempotencyKey
from chassis.conditional import IfMatchOrNew
from chassis.db import Pool
from chassis.http import problems
from chassis.problems import EXISTS, INVALID, KEY_REUSED, NOT_FOUND, STALE_REVISION, Problem
from contracts.envelope import next_known_at
from contracts.schools import CampaignOpened
from contracts.targets import FigureStated, TargetUpdated
from contracts.types import Campaign
from enrollment.api import answers, bodies
from enrollment.api.commands import Commands, answer, decided_at, opened_campaign
from enrollment.api.documented import ETAG
from enrollment.targets import store
from exactly_once import Connection, publish


def router(pool: Pool, commands: Commands) -> APIRouter:
    """Statements and targets."""
    routes = APIRouter(prefix="/v1/campaigns/{campaign}", tags=["figures"], responses=problems(NOT_FOUND))
    _statements(routes, pool, commands)
    _targets(routes, pool, commands)
    return routes


def _statements(routes: APIRouter, pool: Pool, commands: Commands) -> None:
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
        request: Request,
        campaign: Campaign,
        body: bodies.StateFigure,
        expected: IfMatchOrNew,
        key: IdempotencyKey = None,
    ) -> Response:
        """Adds a statement, or a revision of one whose `statement_id` exists. It changes no coverage."""

        async def act(tx: Connection, opened: CampaignOpened) -> Answer:
            await store.lock(tx, campaign)
            statement_id = body.statement_id or await store.new_statement_id(tx)
            last = await store.statement_now(tx, campaign, statement_id)
            body.check(opened.clock, expected, last)
            await _check_known(tx, campaign, "supersedes", body.supersedes)
            new = FigureStated(
                campaign=campaign,
                revision=last.revision + 1 if last else 1,
                known_at=next_known_at(await decided_at(tx, opened.clock, body), last.known_at if last else None),
                statement_id=statement_id,
                **body.said("statement_id"),
            )
            if last is not None and new.says_the_same_as(last):
                return answer(last, 200)
            await store.add_statement(tx, new)
            await publish(tx, [new])
            return answer(new, 200 if last else 201)

        return await commands.do(request, campaign, key, body, act)

    @routes.get("/statements", response_model=answers.StatementsAnswer)
    async def get_statements(campaign: Campaign) -> Response:
        """Every revision of every statement, as they became known."""
        async with pool.acquire() as tx:
            await opened_campaign(tx, campaign)
            found = await store.statements(tx, campaign)
        return JSONResponse({"statements": [one.model_dump(mode="json", exclude_none=True) for one in found]})


def _targets(routes: APIRouter, pool: Pool, commands: Commands) -> None:
    @routes.post(
        "/targets",
        status_code=201,
        response_model=TargetUpdated,
        responses={**problems(STALE_REVISION, EXISTS, INVALID, KEY_REUSED), 201: {"headers": ETAG}},
    )
    async def post_target(
        request: Request,
        campaign: Campaign,
        body: bodies.DecideTarget,
        expected: IfMatchOrNew,
        key: IdempotencyKey = None,
    ) -> Response:
        """Decides the target of a scope: its next revision. `If-Match` is the scope's last one."""

        async def act(tx: Connection, opened: CampaignOpened) -> Answer:
            await store.lock(tx, campaign)
            last = await store.target_now(tx, campaign, body.scope)
            body.check(opened.clock, expected, last)
            await _check_known(tx, campaign, "based_on", body.based_on)
            new = TargetUpdated(
                campaign=campaign,
                revision=last.revision + 1 if last else 1,
                known_at=next_known_at(await decided_at(tx, opened.clock, body), last.known_at if last else None),
                **body.said(),
            )
            await store.add_target(tx, new)
            await publish(tx, [new])
            return answer(new, 201)

        return await commands.do(request, campaign, key, body, act)

    @routes.get("/targets", response_model=answers.TargetsAnswer)
    async def get_targets(campaign: Campaign) -> Response:
        """Every decision for every scope, as they became known."""
        async with pool.acquire() as tx:
            await opened_campaign(tx, campaign)
            found = await store.targets(tx, campaign)
        return JSONResponse({"targets": [one.model_dump(mode="json", exclude_none=True) for one in found]})


async def _check_known(tx: Connection, campaign: str, field: str, statement_ids: list[str]) -> None:
    """Raises Problem for ids that nobody has stated."""
    unknown = await store.unknown_statements(tx, campaign, statement_ids) if statement_ids else set()
    if unknown:
        detail = "no statement of this campaign has this id"
        at = [index for index, one in enumerate(statement_ids) if one in unknown]
        raise Problem(INVALID, errors=[{"pointer": f"#/{field}/{index}", "detail": detail} for index in at])
