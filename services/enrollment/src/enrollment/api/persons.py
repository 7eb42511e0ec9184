"""HTTP in: who counts, and what the office does about it."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from chassis.bodies import Expected, Revised
from chassis.commands import Answer, Commands, IdempotencyKey
from chassis.conditional import IfMatchBeside, Read, etag
from chassis.db import Pool
from chassis.openapi import problems
from chassis.problems import INVALID, KEY_REUSED, NOT_FOUND, REFUSED, STALE_REVISION
from chassis.refusal import Check, Stale, Unknown
from contracts.decisions import Outcome
from contracts.envelope import HasRevision
from contracts.schools import CampaignOpened
from contracts.types import AnyUuid, Campaign, Group, Reason
from enrollment.campaigns.store import opened as opened_campaign
from enrollment.persons import store
from enrollment.persons.handlers import Operation, lock_person, operate
from enrollment.persons.revisions import KnownPerson, LastDecision
from exactly_once import Connection

PAGE: Final = 100  # submissions in an answer that does not say how many
ETAG: Final[dict[str, Any]] = {
    "ETag": {
        "description": 'The revision, and how often decisions on submissions changed beside it, as `"7.3"`.',
        "schema": {"type": "string"},
    }
}


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
    """A person as published last, and their submissions, by when they were recorded.

    Revision 0: no recording has ever counted. `next` is there when more submissions follow: read on with `after`.
    """

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
    next: str | None = None


@dataclass(frozen=True, slots=True)
class ToPerson:
    """Address and headers of a command to a person."""

    request: Request
    campaign: Campaign
    person_id: AnyUuid
    expected: IfMatchBeside
    key: IdempotencyKey = None


def router(pool: Pool, commands: Commands) -> APIRouter:
    routes = APIRouter(prefix="/v1/campaigns/{campaign}", tags=["recordings"], responses=problems(NOT_FOUND))

    @routes.get("/recordings/{person_id}", response_model=PersonReturn, responses={200: {"headers": ETAG}})
    async def get_person(
        campaign: Campaign,
        person_id: AnyUuid,
        after: Annotated[AnyUuid | None, Query(description="`next` of the last answer.")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = PAGE,
    ) -> Response:
        """A person's state and submissions; nothing that says who it is."""
        key = (campaign, person_id)
        async with pool.acquire() as tx, tx.transaction(isolation="repeatable_read", readonly=True):
            await opened_campaign(tx, campaign)
            if not await store.exists(tx, key):
                raise Unknown("There is no such person in this campaign.")
            return (await _returned(tx, (await store.load(tx, {key}))[key], after, limit)).response()

    documented: dict[str, Any] = {
        "response_model": PersonReturn,
        "responses": {**problems(REFUSED, STALE_REVISION, INVALID, KEY_REUSED), 200: {"headers": ETAG}},
    }

    async def does(to: ToPerson, body: Void | Restore | Reattribute, operation: Operation) -> Response:
        key = (to.campaign, to.person_id)

        async def act(tx: Connection, opened: CampaignOpened, now: datetime) -> Answer:
            revision = Expected(body, opened.clock, None if to.expected is None else to.expected.revision)
            check = await _expected(tx, key, revision, to.expected)
            return await _returned(tx, await operate(tx, key, operation, now, check))

        return await commands.do(to.request, to.campaign, to.key, body, act, partial(lock_person, key=key))

    @routes.post("/recordings/{person_id}/void", **documented)
    async def void(to: Annotated[ToPerson, Depends()], body: Void) -> Response:
        """Takes the recording that counts back, or another; the next one that stands is promoted."""
        return await does(to, body, Operation("void", body.reason, submission_id=body.submission_id))

    @routes.post("/recordings/{person_id}/restore", **documented)
    async def restore(to: Annotated[ToPerson, Depends()], body: Restore) -> Response:
        """Lets the recording that was voided last stand again, or another."""
        return await does(to, body, Operation("restore", body.reason, submission_id=body.submission_id))

    @routes.post("/recordings/{person_id}/reattribute", **documented)
    async def reattribute(to: Annotated[ToPerson, Depends()], body: Reattribute) -> Response:
        """Lets the person count for another group, now and whatever arrives later."""
        return await does(to, body, Operation("reattribute", body.reason, group=body.group))

    return routes


async def _expected(tx: Connection, key: store.Key, revision: Check, read: Read | None) -> Check:
    """What the command expects of the person as known before: of the revision, and of what changed beside it."""
    beside = await store.changes_beside(tx, key)

    def check(last: HasRevision | None) -> None:
        try:
            revision(last)
        except Stale as stale:
            raise Stale(stale.expected, stale.current, _etag(stale.current, beside)) from None
        if last is not None and read is not None and read.beside not in (None, beside):
            raise Stale(read.revision, last.revision, _etag(last.revision, beside))

    return check


def _etag(revision: int, beside: int) -> str:
    return etag(f"{revision}.{beside}")


async def _returned(tx: Connection, person: KnownPerson, after: str | None = None, limit: int = PAGE) -> Answer:
    key = (person.campaign, person.person_id)
    last = await store.PERSONS.last(tx, *key)
    if last is None or person.state is None:
        state = {"campaign": person.campaign, "person_id": person.person_id, "revision": 0, "counts": False}
    else:
        state = {**last.model_dump(mode="json"), "submission_id": person.state.submission_id}
    page = await store.page(tx, key, after, limit + 1)
    submissions = [{**asdict(submission), **_decided(last_decision)} for submission, last_decision in page[:limit]]
    further = submissions[-1]["submission_id"] if len(page) > limit else None
    returned = PersonReturn.model_validate({**state, "submissions": submissions, "next": further})
    tag = _etag(person.revision, await store.changes_beside(tx, key))
    return Answer(200, returned.model_dump(mode="json", exclude_none=True), {"ETag": tag})


def _decided(last: LastDecision) -> dict[str, Any]:
    return {**asdict(last.decision), "revision": last.revision, "known_at": last.known_at}
