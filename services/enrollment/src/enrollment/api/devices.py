"""HTTP in: counters register, take the keys to seal to, and read what became of their submissions."""

from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.commands import Answer, IdempotencyKey
from chassis.conditional import OnlyNew
from chassis.db import Pool
from chassis.http import problems
from chassis.problems import CONFLICT, EXISTS, INVALID, KEY_REUSED, NOT_FOUND, Problem, invalid
from contracts.types import Slug
from enrollment.api import answers, bodies
from enrollment.api.commands import Commands
from enrollment.devices import store
from enrollment.identity.boxes import from_base64
from enrollment.identity.keys import SealingKeys, base64url
from enrollment.recordings import decisions
from enrollment.schools import store as schools
from exactly_once import Connection


def router(pool: Pool, commands: Commands, keys: SealingKeys) -> APIRouter:
    """What counters ask for."""
    routes = APIRouter(prefix="/v1", tags=["devices"])
    _register(routes, commands)
    _read(routes, pool, commands, keys)
    return routes


def _register(routes: APIRouter, commands: Commands) -> None:
    @routes.post(
        "/devices",
        status_code=201,
        response_model=answers.DeviceAnswer,
        responses={
            **problems(CONFLICT, EXISTS, INVALID, KEY_REUSED),
            200: {"model": answers.DeviceAnswer, "description": "It was registered already."},
        },
    )
    async def register(
        request: Request, body: bodies.RegisterDevice, only_new: OnlyNew, key: IdempotencyKey = None
    ) -> Response:
        """Registers a device for a campaign. The same again is fine, with another place too; another key never."""
        public_key = _public_key(body.public_key)

        async def command(tx: Connection) -> Answer:
            if await schools.campaign_now(tx, body.campaign) is None:
                raise invalid("#/campaign", "there is no such campaign: PUT it first")
            if await store.register(tx, body.device_id, public_key) != public_key:
                raise Problem(CONFLICT, "This device_id is registered with another key: choose another device_id.")
            new = await store.place(tx, body.device_id, body.campaign, body.kind, body.place)
            if only_new and not new:
                raise Problem(EXISTS, "The device is registered for this campaign.")
            said = answers.DeviceAnswer(**{**body.model_dump(), "public_key": base64url(public_key)})
            return Answer(201 if new else 200, said.model_dump(mode="json"))

        return await commands.once(request, "devices", key, command)


def _read(routes: APIRouter, pool: Pool, commands: Commands, keys: SealingKeys) -> None:
    @routes.get("/keyset", response_model=answers.KeySet)
    async def keyset() -> Response:
        """The keys to seal to, the newest first: take that one."""
        commands.require_compared()  # what is sealed to a key of another database can never be opened
        async with pool.acquire() as tx, tx.transaction():
            found = await keys.public(tx)
        said = [
            answers.SealingKey(kid=one.kid, x=base64url(one.public_key), created_at=one.created_at) for one in found
        ]
        return JSONResponse(answers.KeySet(keys=said).model_dump(mode="json"))

    @routes.get("/devices/{device_id}/decisions", response_model=answers.DecisionsAnswer, responses=problems(NOT_FOUND))
    async def read_decisions(
        device_id: Slug,
        after: Annotated[str, Query(pattern=r"^[0-9]{1,18}$", description="`next` of the last answer.")] = "0",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """Every decision on the device's submissions, later revisions too: in a fixed order, each once, none missed."""
        async with pool.acquire() as tx:
            if device_id not in await store.devices(tx, [device_id]):
                raise Problem(NOT_FOUND, "There is no such device.")
            found = await decisions.after(tx, device_id, int(after), limit)
        said = answers.DecisionsAnswer(
            decisions=[answers.DeviceDecision.model_validate(event, from_attributes=True) for _, event in found],
            next=str(found[-1][0] if found else int(after)),
        )
        return JSONResponse(said.model_dump(mode="json", exclude_none=True))


def _public_key(text: str) -> bytes:
    public_key = from_base64(text.encode())
    try:
        Ed25519PublicKey.from_public_bytes(public_key or b"")
    except ValueError:
        public_key = None
    if public_key is None:
        raise invalid("#/public_key", "must be the 32 bytes of an Ed25519 public key in base64url")
    return public_key
