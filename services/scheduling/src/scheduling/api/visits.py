"""HTTP in: the visits of a campaign."""

from datetime import date, datetime
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.access import Caller, CallerOf
from chassis.bodies import Expected, PlausibleInstant, Revised
from chassis.commands import Answer, Commands, IdempotencyKey
from chassis.conditional import IfMatch, IfMatchOrNew, etag
from chassis.db import Pool
from chassis.openapi import ETAG, problems
from chassis.problems import CONFLICT, EXISTS, INVALID, KEY_REUSED, NOT_FOUND, REFUSED, STALE_REVISION
from chassis.refusal import Refused, Unknown
from contracts.envelope import HasRevision
from contracts.schools import CampaignOpened, npsn_of
from contracts.types import AnyUuid, Campaign, Count, Day, Group, Kind, Label, Reason, Slug, Whole
from contracts.visits import MissedReason, VisitStatus
from exactly_once import Connection
from scheduling.campaigns.store import opened as opened_campaign
from scheduling.visits import handlers, model, store

BASE: Final = "/v1/campaigns/{campaign}"
LOCATION: Final = {"Location": {"description": "Where the visit is.", "schema": {"type": "string"}}}
COMMAND: Final = problems(NOT_FOUND, REFUSED, STALE_REVISION, INVALID, KEY_REUSED)


def _one_or_the_other(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """One error about `sets`, where pydantic has one for each of the two, with pointers to nowhere."""
    try:
        return validate(value)
    except ValidationError:
        raise ValueError("must be 1 to 100 ids of sets, or how many") from None


SetList = Annotated[list[Slug], Field(min_length=1, max_length=100)]
HowMany = Annotated[int, Field(ge=1, le=100), Whole()]
Sets = Annotated[
    SetList | HowMany,
    WrapValidator(_one_or_the_other),
    Field(description="Ids of the recording sets that go, or how many: then the lowest ids of the free ones."),
]
Groups = Annotated[list[Group], Field(max_length=200, description="Whom it is for; a school visit names its schools.")]
StartsAt = Annotated[PlausibleInstant, Field(description="Default: 08:00 on `day`, by the campaign's clock.")]
EndsAt = Annotated[PlausibleInstant, Field(description="Default: 14:00 on `day`, by the campaign's clock.")]
Missed = Annotated[
    dict[MissedReason, Count],
    Field(
        max_length=50,
        description="Who was not recorded, by reason: `absent`, `internship`, `refused`, `documents_missing`, …",
    ),
]


class Schedule(Revised):
    """A new visit, or a weekend session."""

    visit_id: Annotated[AnyUuid, Field(description="UUIDv7; made by the service when left out.")] | None = None
    kind: Kind
    groups: Groups = Field(default_factory=list)
    place: Label
    day: Day
    starts_at: StartsAt | None = None
    ends_at: EndsAt | None = None
    sets: Sets
    expected: Count | None = None

    def asked(self) -> model.Asked:
        """For the rules."""
        return model.Asked(
            kind=self.kind,
            place=self.place,
            day=self.day,
            sets=self.sets,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            groups=tuple(self.groups),
            expected=self.expected,
        )


class OfVisit(Revised):
    """What every command to a visit may repeat."""

    visit_id: Annotated[AnyUuid | None, Field(description="If given, the one in the address.")] = None


class Reschedule(OfVisit):
    """What the visit is to have instead; what is left out, or null, stays. Another day alone keeps the hours."""

    kind: Kind | None = None
    groups: Groups | None = None
    place: Label | None = None
    day: Day | None = None
    starts_at: PlausibleInstant | None = None
    ends_at: PlausibleInstant | None = None
    sets: Sets | None = None
    expected: Annotated[Count | None, Field(description="Null takes the number away.")] = None
    status: Annotated[VisitStatus | None, Field(description="If given, the one that it has.")] = None

    def changes(self) -> model.Changes:
        """For the rules."""
        said = self.model_dump(include=set(model.Changes.__annotations__), exclude_unset=True)
        return cast(
            model.Changes, {name: value for name, value in said.items() if value is not None or name == "expected"}
        )


class Cancel(OfVisit):
    """Why the visit will not take place."""

    reason: Reason


class Complete(OfVisit):
    """The visit took place."""

    missed: Missed | None = None


class VisitReturn(BaseModel):
    """A visit as it is now: what its event says, and why it was cancelled."""

    campaign: str
    visit_id: str
    revision: int
    known_at: datetime
    kind: str
    groups: list[str]
    place: str
    day: date
    starts_at: datetime
    ends_at: datetime
    sets: list[str]
    status: VisitStatus
    expected: int | None = None
    missed: dict[str, int] | None = None
    reason: str | None = None


class VisitsReturn(BaseModel):
    """The campaign's visits, by day and start."""

    visits: list[VisitReturn]


def router(pool: Pool, commands: Commands) -> APIRouter:
    """The visits. `pool` is used, not opened."""
    routes = APIRouter(prefix=BASE, tags=["visits"], responses=problems(NOT_FOUND))
    _read(routes, pool)
    _plan(routes, commands)
    _end(routes, commands)
    return routes


def _read(routes: APIRouter, pool: Pool) -> None:
    @routes.get("/visits", response_model=VisitsReturn)
    async def list_visits(
        campaign: Campaign,
        caller: CallerOf,
        day: Day | None = None,
        status: VisitStatus | None = None,
        group: Group | None = None,
    ) -> Response:
        """The campaign's visits as they are now, by day and start; to a principal those to the own schools."""
        groups = {"groups": [group]} if group else {}
        async with pool.acquire() as tx:
            await opened_campaign(tx, campaign)
            visits = await store.some(tx, campaign, day=day, status=status, **groups)
        return JSONResponse({"visits": [_returned(visit) for visit in visits if _sees(caller, visit)]})

    @routes.get("/visits/{visit_id}", response_model=VisitReturn, responses={200: {"headers": ETAG}})
    async def get_visit(campaign: Campaign, visit_id: AnyUuid, caller: CallerOf) -> Response:
        """One visit as it is now."""
        async with pool.acquire() as tx:
            await opened_campaign(tx, campaign)
            visit = await handlers.get_visit(tx, campaign, visit_id)
        if not _sees(caller, visit):
            raise Unknown("The campaign has no such visit.", reason="unknown_visit")
        return _answer(visit).response()


def _plan(routes: APIRouter, commands: Commands) -> None:
    @routes.post(
        "/visits",
        status_code=201,
        response_model=VisitReturn,
        responses={
            **problems(NOT_FOUND, REFUSED, STALE_REVISION, EXISTS, INVALID, KEY_REUSED),
            **problems(CONFLICT, REFUSED),
            200: {"model": VisitReturn, "headers": ETAG | LOCATION, "description": "It was so already."},
            201: {"headers": ETAG | LOCATION},
        },
    )
    async def schedule(
        request: Request, campaign: Campaign, body: Schedule, expected: IfMatchOrNew, key: IdempotencyKey = None
    ) -> Response:
        """Schedules a visit. The same `visit_id` and plan again is answered with the visit as it is now."""

        async def act(tx: Connection, opened: CampaignOpened, now: datetime) -> Answer:
            check = Expected(body, opened.clock, expected)
            visit = await handlers.schedule_visit(tx, opened, body.visit_id, body.asked(), now, check)
            location = f"{BASE.format(campaign=campaign)}/visits/{visit.visit_id}"
            return _answer(visit, 200 if check.last else 201, Location=location)

        return await commands.do(request, campaign, key, body, act)

    @routes.patch("/visits/{visit_id}", response_model=VisitReturn, responses={**COMMAND, 200: {"headers": ETAG}})
    async def reschedule(
        request: Request,
        campaign: Campaign,
        visit_id: AnyUuid,
        body: Reschedule,
        expected: IfMatch,
        key: IdempotencyKey = None,
    ) -> Response:
        """Gives the visit another day, time, place or other sets. Nothing changed: no new revision."""

        async def act(tx: Connection, opened: CampaignOpened, now: datetime) -> Answer:
            body.check_address(visit_id=visit_id)
            check = ExpectedStatus(body, opened.clock, expected)
            return _answer(await handlers.reschedule_visit(tx, opened, visit_id, body.changes(), now, check))

        return await commands.do(request, campaign, key, body, act)


def _end(routes: APIRouter, commands: Commands) -> None:
    documented: Any = {"response_model": VisitReturn, "responses": {**COMMAND, 200: {"headers": ETAG}}}

    @routes.post("/visits/{visit_id}/cancel", **documented)
    async def cancel(
        request: Request,
        campaign: Campaign,
        visit_id: AnyUuid,
        body: Cancel,
        expected: IfMatch,
        key: IdempotencyKey = None,
    ) -> Response:
        """Cancels the visit, for good; its sets are free."""

        async def act(tx: Connection, opened: CampaignOpened, now: datetime) -> Answer:
            body.check_address(visit_id=visit_id)
            check = Expected(body, opened.clock, expected)
            return _answer(await handlers.cancel_visit(tx, opened, visit_id, body.reason, now, check))

        return await commands.do(request, campaign, key, body, act)

    @routes.post("/visits/{visit_id}/complete", **documented)
    async def complete(
        request: Request,
        campaign: Campaign,
        visit_id: AnyUuid,
        body: Annotated[Complete, Body(default_factory=Complete)],
        expected: IfMatch,
        key: IdempotencyKey = None,
    ) -> Response:
        """Says that the visit took place, and who was missed why. On its day or after."""

        async def act(tx: Connection, opened: CampaignOpened, now: datetime) -> Answer:
            body.check_address(visit_id=visit_id)
            check = Expected(body, opened.clock, expected)
            return _answer(await handlers.complete_visit(tx, opened, visit_id, body.missed, now, check))

        return await commands.do(request, campaign, key, body, act)


class ExpectedStatus(Expected):
    """Also that the body's status, if it has one, is the visit's."""

    def __init__(self, body: Reschedule, *expected: Any) -> None:
        super().__init__(body, *expected)
        self._status = body.status

    def __call__(self, last: HasRevision | None) -> None:
        """Raises Refused, Stale."""
        super().__call__(last)
        if self._status not in (None, getattr(last, "status", None)):
            raise Refused("", ("#/status", "cannot be changed here: cancel or complete the visit"))


def _sees(caller: Caller, visit: model.PlannedVisit) -> bool:
    """A principal sees the visits to the own schools."""
    return caller.schools is None or any(npsn_of(group) in caller.schools for group in visit.plan.groups)


def _returned(visit: model.PlannedVisit) -> dict[str, Any]:
    event = model.event(visit).model_dump(mode="json", exclude_none=True)
    return event if visit.reason is None else {**event, "reason": visit.reason}


def _answer(visit: model.PlannedVisit, status: int = 200, **headers: str) -> Answer:
    return Answer(status, _returned(visit), {"ETag": etag(visit.revision), **headers})
