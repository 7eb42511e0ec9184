"""HTTP in: what became of a submission, who counts, and what the office does about it."""

from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.commands import Answer, IdempotencyKey
from chassis.conditional import IfMatch, etag
from chassis.db import Pool
from chassis.http import problems
from chassis.problems import INVALID, KEY_REUSED, NOT_FOUND, REFUSED, STALE_REVISION, Problem
from contracts.schools import CampaignOpened
from contracts.types import AnyUuid, Campaign
from enrollment.api import answers, bodies
from enrollment.api.commands import Commands, opened_campaign
from enrollment.api.documented import ETAG
from enrollment.recordings import decisions, store
from enrollment.recordings.revisions import Known
from enrollment.recordings.settle import Operation, operate
from exactly_once import Connection


def router(pool: Pool, commands: Commands) -> APIRouter:
    """Submissions and persons."""
    routes = APIRouter(prefix="/v1/campaigns/{campaign}", tags=["recordings"], responses=problems(NOT_FOUND))
    _reading(routes, pool)
    _operations(routes, commands)
    return routes


def _reading(routes: APIRouter, pool: Pool) -> None:
    @routes.get("/submissions/{submission_id}", response_model=answers.SubmissionAnswer)
    async def get_submission(campaign: Campaign, submission_id: AnyUuid) -> Response:
        """What became of a submission; 404 until it is decided."""
        async with pool.acquire() as tx:
            await opened_campaign(tx, campaign)
            found = await decisions.of_submission(tx, campaign, submission_id)
        if found is None:
            raise Problem(NOT_FOUND, "No such submission has been decided yet.")
        event, person_id = found
        said = answers.SubmissionAnswer(person_id=person_id, **event.model_dump(exclude={"campaign"}))
        return _json(said, event.revision).response()

    @routes.get("/recordings/{person_id}", response_model=answers.PersonAnswer, responses={200: {"headers": ETAG}})
    async def get_person(campaign: Campaign, person_id: AnyUuid) -> Response:
        """A person's state and submissions; nothing that says who it is."""
        key = (campaign, person_id)
        async with pool.acquire() as tx, tx.transaction(isolation="repeatable_read", readonly=True):
            await opened_campaign(tx, campaign)
            known = (await store.load(tx, {key}))[key]
            if not known.person.recordings:
                raise Problem(NOT_FOUND, "There is no such person in this campaign.")
            return (await _person(tx, known)).response()


def _operations(routes: APIRouter, commands: Commands) -> None:
    documented: dict[str, Any] = {
        "response_model": answers.PersonAnswer,
        "responses": {**problems(REFUSED, STALE_REVISION, INVALID, KEY_REUSED), 200: {"headers": ETAG}},
    }

    async def operation(
        request: Request,
        key: tuple[str, str],
        body: bodies.Void | bodies.Restore | bodies.Reattribute,
        wanted: Operation,
        expected: int | None,
        idempotency_key: str | None,
    ) -> Response:
        async def act(tx: Connection, opened: CampaignOpened) -> Answer:
            check = partial(body.check, opened.clock, expected)
            return await _person(tx, await operate(tx, key, wanted, check, body.replayed_at(opened.clock)))

        return await commands.do(request, key[0], idempotency_key, body, act)

    @routes.post("/recordings/{person_id}/void", **documented)
    async def void(
        request: Request,
        campaign: Campaign,
        person_id: AnyUuid,
        body: bodies.Void,
        expected: IfMatch,
        key: IdempotencyKey = None,
    ) -> Response:
        """Takes the recording that counts back, or another; the next one that stands is promoted."""
        wanted = Operation("void", body.reason, submission_id=body.submission_id)
        return await operation(request, (campaign, person_id), body, wanted, expected, key)

    @routes.post("/recordings/{person_id}/restore", **documented)
    async def restore(
        request: Request,
        campaign: Campaign,
        person_id: AnyUuid,
        body: bodies.Restore,
        expected: IfMatch,
        key: IdempotencyKey = None,
    ) -> Response:
        """Lets the recording that was voided last stand again, or another."""
        wanted = Operation("restore", body.reason, submission_id=body.submission_id)
        return await operation(request, (campaign, person_id), body, wanted, expected, key)

    @routes.post("/recordings/{person_id}/reattribute", **documented)
    async def reattribute(
        request: Request,
        campaign: Campaign,
        person_id: AnyUuid,
        body: bodies.Reattribute,
        expected: IfMatch,
        key: IdempotencyKey = None,
    ) -> Response:
        """Lets the person count for another group, now and whatever arrives later."""
        wanted = Operation("reattribute", body.reason, group=body.group)
        return await operation(request, (campaign, person_id), body, wanted, expected, key)


async def _person(tx: Connection, known: Known) -> Answer:
    last = await store.last_revision(tx, (known.campaign, known.person_id))
    said = last or {"campaign": known.campaign, "person_id": known.person_id, "revision": 0, "counts": False}
    submissions = [
        answers.PersonSubmission(
            outcome=decided.decision.outcome,
            reason=decided.decision.reason,
            revision=decided.revision,
            known_at=decided.known_at,
            submission_id=recording.submission_id,
            device_id=recording.device_id,
            device_seq=recording.device_seq,
            kind=recording.kind,
            group=recording.group,
            domicile_regency=recording.domicile_regency,
            session_id=recording.session_id,
            recorded_at=recording.recorded_at,
            recorded_on=recording.recorded_on,
            received_at=recording.received_at,
        )
        for recording in sorted(known.person.recordings.values(), key=lambda r: (r.recorded_at, r.submission_id))
        for decided in [known.decided[recording.submission_id]]
    ]
    return _json(answers.PersonAnswer.model_validate({**said, "submissions": submissions}), known.revision)


def _json(said: answers.SubmissionAnswer | answers.PersonAnswer, revision: int) -> Answer:
    return Answer(200, said.model_dump(mode="json", exclude_none=True), {"ETag": etag(revision)})
