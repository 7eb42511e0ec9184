"""HTTP in: the visits of a campaign."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends
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
from contracts.schools import CampaignOpened, Clock, npsn_of
from contracts.types import AnyUuid, Campaign, Count, Day, Group, Kind, Label, Reason, Slug, Whole
from contracts.visits import MissedReason, Visit, VisitStatus
from exactly_once import Connection
from scheduling.campaigns.store import opened as opened_campaign
from scheduling.visits import handlers, model, store

BASE: Final = "/v1/campaigns/{campaign}"
LOCATION: Final = {"Location": {"description": "Where the visit is.", "schema": {"type": "string"}}}
COMMAND: Final = problems(NOT_FOUND, REFUSED, STALE_REVISION, INVALID, KEY_REUSED)


def _ids_or_number(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """One error about `sets`, where pydantic has one for each of the two, with pointers to nowhere."""
    try:
        return validate(value)
    except ValidationError:
        raise ValueError("must be 1 to 100 ids of sets, or how many") from None


SetList = Annotated[list[Slug], Field(min_length=1, max_length=100)]
HowMany = Annotated[int, Field(ge=1, le=100), Whole()]
Sets = Annotated[
    SetList | HowMany,
    WrapValidator(_ids_or_number),
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
        """All that it says of the visit but its id."""
        return model.Asked(**self.said("visit_id"))


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

    def changes(self) -> dict[str, Any]:
        """The fields of `Asked` that are to be others."""
        sent = self.model_dump(include={field.name for field in fields(model.Asked)}, exclude_unset=True)
        return {name: value for name, value in sent.items() if value is not None or name == "expected"}

    def check(self, clock: Clock, expected: int | None, current: HasRevision | None) -> None:
        """Also that the status, if there is one, is the visit's. Raises Refused, Stale."""
        super().check(clock, expected, current)
        if self.status not in (None, getattr(current, "status", None)):
            raise Refused("", ("#/status", "cannot be changed here: cancel or complete the visit"))


class Cancel(OfVisit):
    """Why the visit will not take place."""

    reason: Reason


class Complete(OfVisit):
    """The visit took place."""

    missed: Missed | None = None


class VisitReturn(Visit):
    """A visit as it is now: what its event says, and why it was cancelled."""

    reason: str | None = None


class VisitsReturn(BaseModel):
    """The campaign's visits, by day and start."""

    visits: list[VisitReturn]


@dataclass(frozen=True, slots=True)
class ToVisit:
    """Address and headers of a command to a visit."""

    request: Request
    campaign: Campaign
    visit_id: AnyUuid
    expected: IfMatch
    key: IdempotencyKey = None


def router(pool: Pool, commands: Commands) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["visits"], responses=problems(NOT_FOUND))

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
        """Schedules a visit. The same `visit_id` and plan again returns the visit as it is now."""

        async def act(tx: Connection, opened: CampaignOpened, now: datetime) -> Answer:
            check = Expected(body, opened.clock, expected)
            visit = await handlers.schedule_visit(tx, opened, body.visit_id, body.asked(), now, check)
            location = f"{BASE.format(campaign=campaign)}/visits/{visit.visit_id}"
            return _answer(visit, 200 if check.last else 201, Location=location)

        return await commands.do(request, campaign, key, body, act)

    documented: Any = {"response_model": VisitReturn, "responses": {**COMMAND, 200: {"headers": ETAG}}}

    async def change(
        to: ToVisit, body: OfVisit, handler: Callable[..., Awaitable[model.PlannedVisit]], **asked: Any
    ) -> Response:
        async def act(tx: Connection, opened: CampaignOpened, now: datetime) -> Answer:
            body.check_address(visit_id=to.visit_id)
            check = Expected(body, opened.clock, to.expected)
            return _answer(await handler(tx, opened, to.visit_id, **asked, now=now, check=check))

        return await commands.do(to.request, to.campaign, to.key, body, act)

    @routes.patch("/visits/{visit_id}", **documented)
    async def reschedule(to: Annotated[ToVisit, Depends()], body: Reschedule) -> Response:
        """Gives the visit another day, time, place or other sets. Nothing changed: no new revision."""
        return await change(to, body, handlers.reschedule_visit, changes=body.changes())

    @routes.post("/visits/{visit_id}/cancel", **documented)
    async def cancel(to: Annotated[ToVisit, Depends()], body: Cancel) -> Response:
        """Cancels the visit, for good; its sets are free."""
        return await change(to, body, handlers.cancel_visit, reason=body.reason)

    @routes.post("/visits/{visit_id}/complete", **documented)
    async def complete(
        to: Annotated[ToVisit, Depends()], body: Annotated[Complete, Body(default_factory=Complete)]
    ) -> Response:
        """Says that the visit took place, and who was missed why. On its day or after."""
        return await change(to, body, handlers.complete_visit, missed=body.missed)

    return routes


def _sees(caller: Caller, visit: model.PlannedVisit) -> bool:
    """A principal sees the visits to the own schools."""
    return caller.schools is None or any(npsn_of(group) in caller.schools for group in visit.plan.groups)


def _returned(visit: model.PlannedVisit) -> dict[str, Any]:
    event = model.event(visit).model_dump(mode="json", exclude_none=True)
    return event if visit.reason is None else {**event, "reason": visit.reason}


def _answer(visit: model.PlannedVisit, status: int = 200, **headers: str) -> Answer:
    return Answer(status, _returned(visit), {"ETag": etag(visit.revision), **headers})
