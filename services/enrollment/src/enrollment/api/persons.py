"""HTTP in: who counts, and what the office does about it."""

from datetime import date, datetime
from functools import partial
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from chassis.bodies import Expected, Revised
from chassis.commands import Answer, Commands, IdempotencyKey
from chassis.conditional import IfMatch, etag
from chassis.db import Pool
from chassis.openapi import ETAG, problems
from chassis.problems import INVALID, KEY_REUSED, NOT_FOUND, REFUSED, STALE_REVISION
from chassis.refusal import Unknown
from contracts.decisions import Outcome
from contracts.schools import CampaignOpened
from contracts.types import AnyUuid, Campaign, Group, Reason
from enrollment.campaigns.store import opened as opened_campaign
from enrollment.persons import store
from enrollment.persons.handlers import Operation, lock_person, operate
from enrollment.persons.revisions import KnownPerson
from exactly_once import Connection


class Void(Revised):
    """Takes a recording back: the one that counts, or another."""

    reason: Reason
    submission_id: AnyUuid | None = None


class Restore(Revised):
    """Lets a voided recording stand again: the one that was voided last, or another."""

    reason: Reason
    submission_id: AnyUuid | None = None


class Reattribute(Revised):
    """Says for which group the person counts, whatever the counters say, now and later."""

    reason: Reason
    group: Group


class PersonSubmission(BaseModel):
    """One of a person's submissions, with its last decision."""

    submission_id: str
    device_id: str
    device_seq: int
    outcome: Outcome
    reason: str | None = None
    revision: int
    known_at: datetime
    kind: str
    group: str | None = None
    domicile_regency: str | None = None
    session_id: str | None = None
    recorded_at: datetime
    recorded_on: date
    received_at: datetime


class PersonReturn(BaseModel):
    """A person as published last, and all their submissions. Revision 0: no recording has ever counted."""

    campaign: str
    person_id: str
    revision: int
    known_at: datetime | None = None
    counts: bool
    cause: str | None = None
    group: str | None = None
    domicile_regency: str | None = None
    kind: str | None = None
    session_id: str | None = None
    recorded_at: datetime | None = None
    recorded_on: date | None = None
    received_at: datetime | None = None
    submission_id: str | None = None
    submissions: list[PersonSubmission]


def router(pool: Pool, commands: Commands) -> APIRouter:
    """A person, without who it is."""
    routes = APIRouter(prefix="/v1/campaigns/{campaign}", tags=["recordings"], responses=problems(NOT_FOUND))
    _read(routes, pool)
    _operate(routes, commands)
    return routes


def _read(routes: APIRouter, pool: Pool) -> None:
    @routes.get("/recordings/{person_id}", response_model=PersonReturn, responses={200: {"headers": ETAG}})
    async def get_person(campaign: Campaign, person_id: AnyUuid) -> Response:
        """A person's state and submissions; nothing that says who it is."""
        key = (campaign, person_id)
        async with pool.acquire() as tx, tx.transaction(isolation="repeatable_read", readonly=True):
            await opened_campaign(tx, campaign)
            known = (await store.load(tx, {key}))[key]
            if not known.person.submissions:
                raise Unknown("There is no such person in this campaign.")
            return (await _returned(tx, known)).response()


def _operate(routes: APIRouter, commands: Commands) -> None:
    documented: dict[str, Any] = {
        "response_model": PersonReturn,
        "responses": {**problems(REFUSED, STALE_REVISION, INVALID, KEY_REUSED), 200: {"headers": ETAG}},
    }

    async def does(
        request: Request,
        key: tuple[str, str],
        body: Void | Restore | Reattribute,
        operation: Operation,
        expected: int | None,
        idempotency_key: str | None,
    ) -> Response:
        async def act(tx: Connection, opened: CampaignOpened, now: datetime) -> Answer:
            return await _returned(tx, await operate(tx, key, operation, now, Expected(body, opened.clock, expected)))

        lock = partial(lock_person, key=key)
        return await commands.do(request, key[0], idempotency_key, body, act, lock)

    @routes.post("/recordings/{person_id}/void", **documented)
    async def void(
        request: Request,
        campaign: Campaign,
        person_id: AnyUuid,
        body: Void,
        expected: IfMatch,
        key: IdempotencyKey = None,
    ) -> Response:
        """Takes the recording that counts back, or another; the next one that stands is promoted."""
        operation = Operation("void", body.reason, submission_id=body.submission_id)
        return await does(request, (campaign, person_id), body, operation, expected, key)

    @routes.post("/recordings/{person_id}/restore", **documented)
    async def restore(
        request: Request,
        campaign: Campaign,
        person_id: AnyUuid,
        body: Restore,
        expected: IfMatch,
        key: IdempotencyKey = None,
    ) -> Response:
        """Lets the recording that was voided last stand again, or another."""
        operation = Operation("restore", body.reason, submission_id=body.submission_id)
        return await does(request, (campaign, person_id), body, operation, expected, key)

    @routes.post("/recordings/{person_id}/reattribute", **documented)
    async def reattribute(
        request: Request,
        campaign: Campaign,
        person_id: AnyUuid,
        body: Reattribute,
        expected: IfMatch,
        key: IdempotencyKey = None,
    ) -> Response:
        """Lets the person count for another group, now and whatever arrives later."""
        operation = Operation("reattribute", body.reason, group=body.group)
        return await does(request, (campaign, person_id), body, operation, expected, key)


async def _returned(tx: Connection, known: KnownPerson) -> Answer:
    last = await store.last_revision(tx, (known.campaign, known.person_id))
    state = {"campaign": known.campaign, "person_id": known.person_id, "revision": 0, "counts": False}
    if last is not None:
        state = {**last[0].model_dump(mode="json"), "submission_id": last[1]}
    in_order = sorted(known.person.submissions.values(), key=lambda s: (s.recorded_at, s.submission_id))
    submissions = [
        PersonSubmission(
            outcome=decided.decision.outcome,
            reason=decided.decision.reason,
            revision=decided.revision,
            known_at=decided.known_at,
            submission_id=submission.submission_id,
            device_id=submission.device_id,
            device_seq=submission.device_seq,
            kind=submission.kind,
            group=submission.group,
            domicile_regency=submission.domicile_regency,
            session_id=submission.session_id,
            recorded_at=submission.recorded_at,
            recorded_on=submission.recorded_on,
            received_at=submission.received_at,
        )
        for submission in in_order
        for decided in [known.decided[submission.submission_id]]
    ]
    returned = PersonReturn.model_validate({**state, "submissions": submissions})
    return Answer(200, returned.model_dump(mode="json", exclude_none=True), {"ETag": etag(known.revision)})
