"""HTTP in: recording sets and visits of a campaign."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.commands import Answer, IdempotencyKey
from chassis.db import Pool
from chassis.http import IfMatch, IfMatchOrNew, etag, problems
from chassis.problems import CONFLICT, EXISTS, INVALID, KEY_REUSED, NOT_FOUND, REFUSED, STALE_REVISION, Problem, invalid
from contracts.schools import CampaignOpened
from contracts.types import AnyUuid, Campaign, Day, Group, Slug
from contracts.visits import VisitStatus
from exactly_once import Connection
from scheduling import bodies
from scheduling.campaigns import store as campaigns
from scheduling.commands import Commands, unknown_campaign
from scheduling.sets import rules as set_rules
from scheduling.sets import store as sets
from scheduling.visits import rules
from scheduling.visits import store as visits
from scheduling.visits.model import Asked, Visit

BASE: Final = "/v1/campaigns/{campaign}"
ETAG: Final = {"ETag": {"description": 'The revision, as `"7"`.', "schema": {"type": "string"}}}
LOCATION: Final = {"Location": {"description": "Where the visit is.", "schema": {"type": "string"}}}
COMMAND: Final = problems(NOT_FOUND, REFUSED, STALE_REVISION, INVALID, KEY_REUSED)
MAKING: Final = problems(NOT_FOUND, REFUSED, STALE_REVISION, EXISTS, INVALID, KEY_REUSED)
SAID_ALREADY: Final = "It was so already."


def router(pool: Pool, commands: Commands) -> APIRouter:
    """All addresses of the service. `pool` is used, not opened."""
    routes = APIRouter(prefix=BASE, responses=problems(NOT_FOUND))
    _sets(routes, pool, commands)
    _read_visits(routes, pool)
    _plan_visits(routes, commands)
    _end_visits(routes, commands)
    return routes


def _sets(routes: APIRouter, pool: Pool, commands: Commands) -> None:
    @routes.put(
        "/sets/{set_id}",
        tags=["sets"],
        response_model=bodies.SetAnswer,
        responses={**MAKING, 200: {"headers": ETAG}, 201: {"model": bodies.SetAnswer, "headers": ETAG}},
    )
    async def put_set(
        request: Request,
        campaign: Campaign,
        set_id: Slug,
        body: Annotated[bodies.PutSet, Body(default_factory=bodies.PutSet)],
        expected: IfMatchOrNew,
        key: IdempotencyKey = None,
    ) -> Response:
        """Makes a recording set or changes it. One that coming visits count on stays in service."""

        async def act(tx: Connection, opened: CampaignOpened, known_at: datetime) -> Answer:
            body.check_address(set_id=set_id)
            current = await sets.one(tx, campaign, set_id)
            body.check(opened.clock, expected, current)
            asked = set_rules.RecordingSet(campaign, set_id, 0, known_at, body.label, body.in_service)
            coming = await visits.some(tx, campaign, status="scheduled", of_set=set_id)
            new = set_rules.put(current, asked, coming, opened.zone)
            if new is not current:
                await sets.add(tx, new)
            return Answer(200 if current else 201, bodies.of_set(new), {"ETag": etag(new.revision)})

        return await commands.do(request, campaign, key, body, act)

    @routes.get("/sets", tags=["sets"], response_model=bodies.SetsAnswer)
    async def list_sets(campaign: Campaign) -> Response:
        """All recording sets of the campaign, by id."""
        async with pool.acquire() as connection:
            await _known(connection, campaign)
            found = await sets.all_of(connection, campaign)
        return JSONResponse({"sets": [bodies.of_set(one) for one in found]})


def _read_visits(routes: APIRouter, pool: Pool) -> None:
    @routes.get("/visits", tags=["visits"], response_model=bodies.VisitsAnswer)
    async def list_visits(
        campaign: Campaign, day: Day | None = None, status: VisitStatus | None = None, group: Group | None = None
    ) -> Response:
        """The campaign's visits as they are now, by day and start."""
        async with pool.acquire() as connection:
            await _known(connection, campaign)
            found = await visits.some(connection, campaign, day=day, status=status, group=group)
        return JSONResponse({"visits": [bodies.of_visit(visit) for visit in found]})

    @routes.get(
        "/visits/{visit_id}", tags=["visits"], response_model=bodies.VisitAnswer, responses={200: {"headers": ETAG}}
    )
    async def get_visit(campaign: Campaign, visit_id: AnyUuid) -> Response:
        """One visit as it is now."""
        async with pool.acquire() as connection:
            await _known(connection, campaign)
            return _answer(await _visit(connection, campaign, visit_id)).response()


def _plan_visits(routes: APIRouter, commands: Commands) -> None:
    @routes.post(
        "/visits",
        tags=["visits"],
        status_code=201,
        response_model=bodies.VisitAnswer,
        responses={
            **MAKING,
            **problems(CONFLICT, REFUSED),
            200: {"model": bodies.VisitAnswer, "headers": ETAG | LOCATION, "description": SAID_ALREADY},
            201: {"headers": ETAG | LOCATION},
        },
    )
    async def schedule(
        request: Request,
        campaign: Campaign,
        body: bodies.Schedule,
        expected: IfMatchOrNew,
        key: IdempotencyKey = None,
    ) -> Response:
        """Schedules a visit. The same `visit_id` and plan again is answered with the visit as it is now."""

        async def act(tx: Connection, opened: CampaignOpened, known_at: datetime) -> Answer:
            asked = body.asked()
            visit_id = body.visit_id or await visits.new_id(tx)
            where = f"{BASE.format(campaign=campaign)}/visits/{visit_id}"
            there = await visits.one(tx, campaign, visit_id)
            body.check(opened.clock, expected, there)
            if there is not None:
                first = await visits.as_of(tx, campaign, visit_id, 1) or there
                if not rules.asks_for(asked, first.plan, opened.zone):
                    raise Problem(
                        CONFLICT, "This visit_id has another plan already: use a new one, or PATCH the visit."
                    )
                return _answer(there, location=where)
            situation = await _situation(tx, opened, asked)
            visit = rules.schedule(visit_id, asked, situation, known_at)
            await visits.add(tx, visit)
            return _answer(visit, 201, where)

        return await commands.do(request, campaign, key, body, act)

    @routes.patch(
        "/visits/{visit_id}",
        tags=["visits"],
        response_model=bodies.VisitAnswer,
        responses={**COMMAND, 200: {"headers": ETAG}},
    )
    async def reschedule(
        request: Request,
        campaign: Campaign,
        visit_id: AnyUuid,
        body: bodies.Reschedule,
        expected: IfMatch,
        key: IdempotencyKey = None,
    ) -> Response:
        """Gives the visit another day, time, place or other sets. Nothing changed: no new revision."""

        async def act(tx: Connection, opened: CampaignOpened, known_at: datetime) -> Answer:
            visit = await _expected(tx, opened, visit_id, body, expected)
            if body.status not in (None, visit.status):
                raise invalid("#/status", "cannot be changed here: cancel or complete the visit")
            asked = rules.after(visit, body.changes(), opened.zone)
            return await _say(tx, visit, rules.reschedule(visit, asked, await _situation(tx, opened, asked), known_at))

        return await commands.do(request, campaign, key, body, act)


def _end_visits(routes: APIRouter, commands: Commands) -> None:
    documented: Any = {"response_model": bodies.VisitAnswer, "responses": {**COMMAND, 200: {"headers": ETAG}}}

    @routes.post("/visits/{visit_id}/cancel", tags=["visits"], **documented)
    async def cancel(
        request: Request,
        campaign: Campaign,
        visit_id: AnyUuid,
        body: bodies.Cancel,
        expected: IfMatch,
        key: IdempotencyKey = None,
    ) -> Response:
        """Cancels the visit, for good; its sets are free."""

        async def act(tx: Connection, opened: CampaignOpened, known_at: datetime) -> Answer:
            visit = await _expected(tx, opened, visit_id, body, expected)
            return await _say(tx, visit, rules.cancel(visit, body.reason, known_at))

        return await commands.do(request, campaign, key, body, act)

    @routes.post("/visits/{visit_id}/complete", tags=["visits"], **documented)
    async def complete(
        request: Request,
        campaign: Campaign,
        visit_id: AnyUuid,
        body: Annotated[bodies.Complete, Body(default_factory=bodies.Complete)],
        expected: IfMatch,
        key: IdempotencyKey = None,
    ) -> Response:
        """Says that the visit took place, and who was missed why. On its day or after."""

        async def act(tx: Connection, opened: CampaignOpened, known_at: datetime) -> Answer:
            visit = await _expected(tx, opened, visit_id, body, expected)
            return await _say(tx, visit, rules.complete(visit, body.missed, opened.zone, known_at))

        return await commands.do(request, campaign, key, body, act)


async def _known(connection: Connection, campaign: str) -> None:
    if await campaigns.read(connection, campaign) is None:
        raise unknown_campaign()


async def _visit(connection: Connection, campaign: str, visit_id: str) -> Visit:
    visit = await visits.one(connection, campaign, visit_id)
    if visit is None:
        raise Problem(NOT_FOUND, "The campaign has no such visit.", reason="unknown_visit")
    return visit


async def _expected(
    tx: Connection, opened: CampaignOpened, visit_id: str, body: bodies.OfVisit, expected: int | None
) -> Visit:
    """The visit that a command is about, if it is as the client expects it. Raises Problem."""
    body.check_address(visit_id=visit_id)
    visit = await _visit(tx, opened.campaign, visit_id)
    body.check(opened.clock, expected, visit)
    return visit


async def _situation(tx: Connection, opened: CampaignOpened, asked: Asked) -> rules.Situation:
    return rules.Situation(
        campaign=opened,
        sets={one.set_id: one.in_service for one in await sets.all_of(tx, opened.campaign)},
        listed=await campaigns.listed(tx, opened.campaign, asked.groups),
        visits=await visits.some(tx, opened.campaign, day=asked.day),
    )


async def _say(tx: Connection, old: Visit, new: Visit) -> Answer:
    """Adds and publishes what is new, and answers with it."""
    if new is not old:
        await visits.add(tx, new)
    return _answer(new)


def _answer(visit: Visit, status: int = 200, location: str | None = None) -> Answer:
    where = {"Location": location} if location else {}
    return Answer(status, bodies.of_visit(visit), {"ETag": etag(visit.revision), **where})
