"""HTTP in: the campaign and its schools."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.bodies import Command
from chassis.commands import Answer, IdempotencyKey
from chassis.conditional import IfMatchOrNew, etag
from chassis.db import Pool
from chassis.http import problems
from chassis.problems import EXISTS, INVALID, KEY_REUSED, NOT_FOUND, REFUSED, STALE_REVISION, Problem
from contracts.envelope import next_known_at
from contracts.schools import CampaignOpened, SchoolListed
from contracts.types import Campaign, Npsn
from enrollment.api import answers, bodies
from enrollment.api.commands import Commands, answer, decided_at, opened_campaign
from enrollment.api.documented import ETAG
from enrollment.schools import rules, store
from exactly_once import Connection, publish


def router(pool: Pool, commands: Commands) -> APIRouter:
    """Campaigns and schools."""
    routes = APIRouter(prefix="/v1/campaigns/{campaign}", tags=["campaign"], responses=problems(NOT_FOUND))
    _campaign(routes, pool, commands)
    _schools(routes, pool, commands)
    return routes


def _campaign(routes: APIRouter, pool: Pool, commands: Commands) -> None:
    @routes.put(
        "",
        response_model=CampaignOpened,
        responses={
            **problems(REFUSED, STALE_REVISION, EXISTS, INVALID, KEY_REUSED),
            200: {"headers": ETAG},
            201: {"model": CampaignOpened, "headers": ETAG},
        },
    )
    async def put_campaign(
        request: Request,
        campaign: Campaign,
        body: bodies.PutCampaign,
        expected: IfMatchOrNew,
        key: IdempotencyKey = None,
    ) -> Response:
        """Opens a campaign or changes it. Its days and zone are fixed once a submission was judged by them."""

        async def command(tx: Connection) -> Answer:
            body.check_address(campaign=campaign)
            await store.lock_campaign(tx, campaign)
            last = await store.campaign_now(tx, campaign)
            clock = last.clock if last else body.clock or "live"
            body.check(clock, expected, last)
            new = CampaignOpened(
                campaign=campaign,
                revision=last.revision + 1 if last else 1,
                known_at=next_known_at(await decided_at(tx, clock, body), last.known_at if last else None),
                clock=body.clock or clock,
                **body.said("clock"),
            )
            await _check_campaign(tx, new, last)
            if last is not None and new.says_the_same_as(last):
                return answer(last, 200)
            await store.add_campaign(tx, new)
            await publish(tx, [new])
            return answer(new, 200 if last else 201)

        return await commands.once(request, f"campaign {campaign}", key, command)

    @routes.get("", response_model=CampaignOpened, responses={200: {"headers": ETAG}})
    async def get_campaign(campaign: Campaign) -> Response:
        """The campaign as it is now."""
        async with pool.acquire() as tx:
            return answer(await opened_campaign(tx, campaign), 200).response()


async def _check_campaign(tx: Connection, new: CampaignOpened, last: CampaignOpened | None) -> None:
    if faults := rules.campaign_faults(new, last):
        raise Problem(INVALID, errors=[{"pointer": pointer, "detail": detail} for pointer, detail in faults])
    changed = rules.judging_fields_changed(new, last) if last else []
    if changed and await store.has_submissions(tx, new.campaign):
        raise Problem(REFUSED, f"Submissions have been judged by it already: {', '.join(changed)} cannot change.")


def _schools(routes: APIRouter, pool: Pool, commands: Commands) -> None:
    @routes.put(
        "/schools/{npsn}",
        response_model=SchoolListed,
        responses={
            **problems(STALE_REVISION, EXISTS, INVALID, KEY_REUSED),
            200: {"headers": ETAG},
            201: {"model": SchoolListed, "headers": ETAG},
        },
    )
    async def put_school(
        request: Request,
        campaign: Campaign,
        npsn: Npsn,
        body: bodies.PutSchool,
        expected: IfMatchOrNew,
        key: IdempotencyKey = None,
    ) -> Response:
        """Lists a school or changes what is said of it."""

        async def act(tx: Connection, opened: CampaignOpened) -> Answer:
            body.check_address(npsn=npsn)
            await store.lock_schools(tx, campaign)
            last = (await store.schools_now(tx, campaign, [npsn])).get(npsn)
            body.check(opened.clock, expected, last)
            (now,) = await _list(tx, opened, body, [bodies.NamedSchool(npsn=npsn, **body.said("npsn"))])
            return answer(now, 200 if last else 201)

        return await commands.do(request, campaign, key, body, act)

    @routes.post("/schools:batch", response_model=answers.SchoolsAnswer, responses=problems(INVALID, KEY_REUSED))
    async def put_schools(
        request: Request, campaign: Campaign, body: bodies.PutSchools, key: IdempotencyKey = None
    ) -> Response:
        """Lists many schools, or changes what is said of them: all or none."""

        async def act(tx: Connection, opened: CampaignOpened) -> Answer:
            body.check_clock(opened.clock)
            twice = rules.repeated([school.npsn for school in body.schools])
            if twice:
                detail = "is in this list already"
                errors = [{"pointer": f"#/schools/{index}/npsn", "detail": detail} for index in twice]
                raise Problem(INVALID, errors=errors)
            await store.lock_schools(tx, campaign)
            now = await _list(tx, opened, body, body.schools)
            return Answer(200, {"schools": [school.model_dump(mode="json", exclude_none=True) for school in now]})

        return await commands.do(request, campaign, key, body, act)

    @routes.get("/schools", response_model=answers.SchoolsAnswer)
    async def get_schools(campaign: Campaign) -> Response:
        """The schools as they are now, by NPSN."""
        async with pool.acquire() as tx:
            await opened_campaign(tx, campaign)
            found = await store.schools_now(tx, campaign)
        return JSONResponse(
            {"schools": [school.model_dump(mode="json", exclude_none=True) for school in found.values()]}
        )

    @routes.get("/schools/{npsn}", response_model=SchoolListed, responses={200: {"headers": ETAG}})
    async def get_school(campaign: Campaign, npsn: Npsn) -> Response:
        """A school as it is now."""
        async with pool.acquire() as tx:
            await opened_campaign(tx, campaign)
            found = await store.schools_now(tx, campaign, [npsn])
        if npsn not in found:
            raise Problem(NOT_FOUND, "This campaign has no such school.")
        school = found[npsn]
        return JSONResponse(school.model_dump(mode="json", exclude_none=True), headers={"ETag": etag(school.revision)})


async def _list(
    tx: Connection, opened: CampaignOpened, body: Command, schools: list[bodies.NamedSchool]
) -> list[SchoolListed]:
    """The schools as they are now; those that say something new have got a revision. The schools are locked."""
    last = await store.schools_now(tx, opened.campaign, [school.npsn for school in schools])
    at = await decided_at(tx, opened.clock, body)
    now, new = [], []
    for school in schools:
        before = last.get(school.npsn)
        event = SchoolListed(
            campaign=opened.campaign,
            revision=before.revision + 1 if before else 1,
            known_at=next_known_at(at, before.known_at if before else None),
            **school.model_dump(),
        )
        if before is not None and event.says_the_same_as(before):
            now.append(before)
            continue
        now.append(event)
        new.append(event)
    if new:
        await store.add_schools(tx, new)
        await publish(tx, new)
    return now
