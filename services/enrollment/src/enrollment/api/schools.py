"""HTTP in: the schools that a campaign goes to."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.bodies import Command, Expected, Revised
from chassis.commands import Answer, Commands, IdempotencyKey, answer
from chassis.conditional import IfMatchOrNew
from chassis.db import Pool
from chassis.openapi import ETAG, problems
from chassis.problems import EXISTS, INVALID, KEY_REUSED, NOT_FOUND, STALE_REVISION, Problem
from chassis.refusal import Check, Refused, Stale, Unknown
from contracts.envelope import HasRevision
from contracts.schools import CampaignOpened, KecamatanCode, SchoolKind, SchoolListed, kecamatan_in_one_spelling
from contracts.types import Campaign, Flag, Label, Npsn
from enrollment.campaigns.store import lock
from enrollment.campaigns.store import opened as opened_campaign
from enrollment.schools.handlers import list_schools
from enrollment.schools.store import SCHOOLS
from exactly_once import Connection


def _in_one_spelling(given: Any) -> Any:
    return kecamatan_in_one_spelling(given) if isinstance(given, str) else given


class School(BaseModel):
    """What is said of a school."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: Label
    school_kind: SchoolKind
    ownership: Literal["public", "private"]
    kecamatan: Annotated[Label, BeforeValidator(_in_one_spelling)]
    kecamatan_code: KecamatanCode | None = None
    latitude: Annotated[float, Field(strict=True, ge=-90, le=90, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(strict=True, ge=-180, le=180, allow_inf_nan=False)] | None = None
    invented: Flag = False


class PutSchool(Revised, School):
    npsn: Annotated[Npsn | None, Field(description="If given, the one in the address.")] = None


class NamedSchool(Revised, School):
    """A school among many, also as it was read."""

    npsn: Npsn

    def expected_at(self, index: int, opened: CampaignOpened) -> Check:
        """What is expected of its last revision, said of this place in the list."""

        def check(last: HasRevision | None) -> None:
            try:
                self.check_address(campaign=opened.campaign)
                self.check(opened.clock, None, last)
                if self.known_at not in (None, last and last.known_at):
                    raise Refused("", ("#/known_at", "is said once for all, beside `schools`"))
            except Refused as refused:
                errors = ((f"#/schools/{index}{pointer[1:]}", detail) for pointer, detail in refused.errors)
                raise Refused(refused.detail, *errors) from None
            except Stale as stale:
                detail = f"is another one by now: {stale.current}"
                where = [{"pointer": f"#/schools/{index}/revision", "detail": detail}]
                raise Problem(STALE_REVISION, "Read it again, then decide.", errors=where) from None

        return check


class PutSchools(Command):
    """Many schools: all of them or none."""

    schools: Annotated[list[NamedSchool], Field(min_length=1, max_length=1000)]


class SchoolsReturn(BaseModel):
    """The schools as they are now."""

    schools: list[SchoolListed]


def router(pool: Pool, commands: Commands) -> APIRouter:
    routes = APIRouter(prefix="/v1/campaigns/{campaign}", tags=["campaign"], responses=problems(NOT_FOUND))

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
        body: PutSchool,
        expected: IfMatchOrNew,
        key: IdempotencyKey = None,
    ) -> Response:
        """Lists a school or changes what is said of it."""

        async def act(tx: Connection, opened: CampaignOpened, now: datetime) -> Answer:
            body.check_address(npsn=npsn)
            check = Expected(body, opened.clock, expected)
            (school,) = await list_schools(tx, opened, [{**body.said("npsn"), "npsn": npsn}], now, [check])
            return answer(school, 200 if check.last else 201)

        return await commands.do(request, campaign, key, body, act, partial(lock, campaign=campaign, part="schools"))

    @routes.post(
        "/schools:batch", response_model=SchoolsReturn, responses=problems(STALE_REVISION, INVALID, KEY_REUSED)
    )
    async def put_schools(
        request: Request, campaign: Campaign, body: PutSchools, key: IdempotencyKey = None
    ) -> Response:
        """Lists many schools, or changes what is said of them: all or none. The list that was read can come back."""

        async def act(tx: Connection, opened: CampaignOpened, now: datetime) -> Answer:
            body.check_clock(opened.clock)
            states = [school.said() for school in body.schools]
            checks = [school.expected_at(index, opened) for index, school in enumerate(body.schools)]
            return Answer(200, _returned(await list_schools(tx, opened, states, now, checks)))

        return await commands.do(request, campaign, key, body, act, partial(lock, campaign=campaign, part="schools"))

    @routes.get("/schools", response_model=SchoolsReturn)
    async def get_schools(campaign: Campaign) -> Response:
        """The schools as they are now, by NPSN."""
        async with pool.acquire() as tx:
            await opened_campaign(tx, campaign)
            return JSONResponse(_returned(await SCHOOLS.newest(tx, campaign)))

    @routes.get("/schools/{npsn}", response_model=SchoolListed, responses={200: {"headers": ETAG}})
    async def get_school(campaign: Campaign, npsn: Npsn) -> Response:
        """A school as it is now."""
        async with pool.acquire() as tx:
            await opened_campaign(tx, campaign)
            school = await SCHOOLS.last(tx, campaign, npsn)
        if school is None:
            raise Unknown("This campaign has no such school.")
        return answer(school).response()

    return routes


def _returned(schools: Iterable[SchoolListed]) -> dict[str, Any]:
    return {"schools": [school.model_dump(mode="json", exclude_none=True) for school in schools]}
