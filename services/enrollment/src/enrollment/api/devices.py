"""HTTP in: counters register, take the keys to seal to, and read what became of their submissions."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.access import PUBLIC, Caller, CallerOf, Role
from chassis.commands import Answer, Commands, IdempotencyKey
from chassis.conditional import OnlyNew
from chassis.db import Pool
from chassis.openapi import problems
from chassis.problems import (
    CONFLICT,
    EXISTS,
    FORBIDDEN,
    INVALID,
    KEY_REUSED,
    NOT_FOUND,
    UNAUTHORIZED,
    Problem,
)
from chassis.refusal import Refused, Taken, Unknown
from contracts.decisions import Outcome
from contracts.types import Campaign, Kind, Label, Slug
from enrollment.campaigns.store import CAMPAIGNS
from enrollment.devices import codes, decisions, store
from enrollment.identity.keys import SealingKeys, base64url
from enrollment.identity.sealed_messages import from_base64
from enrollment.identity.signing_keys import is_signing_key
from enrollment.submissions.readmission import readmit
from exactly_once import Connection


class RegisterDevice(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    device_id: Slug
    campaign: Campaign
    kind: Kind
    place: Label
    public_key: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_-]{43}=?$", description="Ed25519, the raw 32 bytes in base64url.")
    ]
    code: Annotated[
        str | None,
        Field(pattern=r"^[A-Za-z0-9 -]{8,40}$", description="A one-time code, instead of an administrator's token."),
    ] = None


class MakeCode(BaseModel):
    """For a device of which campaign."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    campaign: Campaign


class CodeReturn(BaseModel):
    """A code: shown this once, and good for one device."""

    code: str
    campaign: str
    ends_at: datetime


class DeviceReturn(BaseModel):
    """A device as it is registered."""

    device_id: str
    campaign: str
    kind: str
    place: str
    public_key: str


class SealingKey(BaseModel):
    """A key to seal to, as a JSON Web Key."""

    kid: str
    kty: Literal["OKP"] = "OKP"
    crv: Literal["X25519"] = "X25519"
    use: Literal["enc"] = "enc"
    x: str
    created_at: datetime


class KeySet(BaseModel):
    keys: list[SealingKey]


class DeviceDecision(BaseModel):
    """A decision, as the device is told."""

    submission_id: str
    device_seq: int
    outcome: Outcome
    reason: str | None = None
    revision: int
    known_at: datetime


class SetBackReturn(BaseModel):
    """A number whose recording is a day or more earlier than that of the number before it."""

    device_seq: int
    recorded_at: datetime
    previous_seq: int
    previous_recorded_at: datetime


class DecisionsReturn(BaseModel):
    """Decisions in their order; ask again with `after` = `next` for those that follow."""

    decisions: list[DeviceDecision]
    next: str
    numbers_twice: list[int] | None = Field(
        default=None,
        description="On the last page: numbers that came twice, the first 20. The counter's folder was copied.",
    )
    clock_set_back: list[SetBackReturn] | None = Field(
        default=None,
        description="On the last page, for review: where the device's clock may have been set back, the last 20 times.",
    )


def router(pool: Pool, commands: Commands, keys: SealingKeys) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["devices"])

    @routes.post(
        "/devices",
        status_code=201,
        response_model=DeviceReturn,
        responses={
            **problems(UNAUTHORIZED, FORBIDDEN, CONFLICT, EXISTS, INVALID, KEY_REUSED),
            200: {"model": DeviceReturn, "description": "It was registered already."},
        },
    )
    async def register(
        request: Request, body: RegisterDevice, only_new: OnlyNew, caller: CallerOf, key: IdempotencyKey = None
    ) -> Response:
        """Registers a device for a campaign. The same again is fine, with another place too; another key never.

        For an administrator, or with a one-time code.
        """
        if body.code is None:
            _require_administrator(caller, body.campaign)
        public_key = _public_key(body.public_key)

        async def command(tx: Connection) -> Answer:
            if await CAMPAIGNS.last(tx, body.campaign, body.campaign) is None:
                raise Refused("", ("#/campaign", "there is no such campaign: PUT it first"))
            if body.code is not None:
                await codes.use(tx, body.code, body.campaign, body.device_id)
            if await store.register(tx, body.device_id, public_key) != public_key:
                raise Taken("This device_id is registered with another key: choose another device_id.")
            new = await store.place(tx, body.device_id, body.campaign, body.kind, body.place)
            if new:
                await readmit(tx, body.device_id, body.campaign)
            if only_new and not new:
                raise Problem(EXISTS, "The device is registered for this campaign.")
            returned = DeviceReturn(**{**body.model_dump(exclude={"code"}), "public_key": base64url(public_key)})
            return Answer(201 if new else 200, returned.model_dump(mode="json"))

        return await commands.once(request, "devices", key, command)

    @routes.post("/enrolment-codes", status_code=201, response_model=CodeReturn, responses=problems(INVALID))
    async def make_code(request: Request, body: MakeCode, caller: CallerOf) -> Response:
        """Makes a code with which one device may register itself, within 30 minutes. It is shown this once."""
        caller.require_campaign(body.campaign)

        async def command(tx: Connection) -> Answer:
            if await CAMPAIGNS.last(tx, body.campaign, body.campaign) is None:
                raise Refused("", ("#/campaign", "there is no such campaign: PUT it first"))
            code, ends_at = await codes.make(tx, body.campaign)
            returned = CodeReturn(code=code, campaign=body.campaign, ends_at=ends_at)
            return Answer(201, returned.model_dump(mode="json"), {"Cache-Control": "no-store"})

        # Without an Idempotency-Key: its first answer would be kept, and the code in it.
        return await commands.once(request, "codes", None, command)

    @routes.get("/keyset", response_model=KeySet)
    async def keyset() -> Response:
        """The keys to seal to, the newest first: take that one."""
        commands.require_compared()  # what is sealed to a key of another database can never be opened
        async with pool.acquire() as tx, tx.transaction():
            public = await keys.public(tx)
        sealing = [SealingKey(kid=k.kid, x=base64url(k.public_key), created_at=k.created_at) for k in public]
        return JSONResponse(KeySet(keys=sealing).model_dump(mode="json"))

    @routes.get("/devices/{device_id}/decisions", response_model=DecisionsReturn, responses=problems(NOT_FOUND))
    async def read_decisions(
        device_id: Slug,
        after: Annotated[str, Query(pattern=r"^[0-9]{1,18}$", description="`next` of the last answer.")] = "0",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """Every decision on the device's submissions, later revisions too: in a fixed order, each once, none missed."""
        async with pool.acquire() as tx:
            if device_id not in await store.devices(tx, [device_id]):
                raise Unknown("There is no such device.")
            page = await decisions.after(tx, device_id, int(after), limit)
            is_last = len(page) < limit
            twice = await store.numbers_twice(tx, device_id) if is_last else []
            set_back = await store.clock_set_back(tx, device_id) if is_last else []
        returned = DecisionsReturn(
            decisions=[DeviceDecision.model_validate(event, from_attributes=True) for _, event in page],
            next=str(page[-1][0] if page else int(after)),
            numbers_twice=twice or None,
            clock_set_back=[SetBackReturn.model_validate(each, from_attributes=True) for each in set_back] or None,
        )
        return JSONResponse(returned.model_dump(mode="json", exclude_none=True))

    return routes


def _require_administrator(caller: Caller, campaign: str) -> None:
    """Raises Problem."""
    if caller.roles == PUBLIC:
        detail = "This is for an administrator's token, or a one-time code."
        raise Problem(UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})
    if Role.ADMINISTRATOR not in caller.roles:
        raise Problem(FORBIDDEN, "This is for administrator, or a one-time code.", roles=[Role.ADMINISTRATOR])
    caller.require_campaign(campaign)


def _public_key(text: str) -> bytes:
    public_key = from_base64(text.encode()) or b""
    if not is_signing_key(public_key):
        raise Refused(
            "", ("#/public_key", "must be an Ed25519 public key (RFC 8032, no point of small order) in base64url")
        )
    return public_key
