"""`GET /schools`, `/targets`, `/statements`, `/visits`."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel
from starlette.responses import Response

from chassis.conditional import IfNoneMatch
from chassis.refusal import Unknown
from contracts.narrowed import STORED
from contracts.schools import group_of
from contracts.types import Npsn
from exactly_once import Connection
from reporting.api.asked import RESPONSES, Asked, Question, Slug, answer
from reporting.questions.asked import KnownAt
from reporting.questions.coverage import day_rows
from reporting.questions.moment import Moment, about
from reporting.questions.reading import Reading, read, statements
from reporting.questions.schools import OneSchool, School, SchoolDays, Schools, combine
from reporting.questions.targets import Statements, TargetRow, Targets
from reporting.questions.turns import Questions
from reporting.questions.visits import Visits, next_by_group

Number = Annotated[Npsn, Path()]


def router(questions: Questions) -> APIRouter:
    routes = APIRouter(prefix="/v1/campaigns/{campaign}")

    @routes.get("/schools", response_model=Schools, responses=RESPONSES, tags=["schools"])
    async def get_schools(asked: Asked) -> Response:
        """Every school with its coverage and its next visit."""

        async def work(tx: Connection, at: Moment) -> BaseModel:
            return Schools(**about(at), schools=await every_school(await read(tx, at)))

        return await answer(questions, asked, work)

    @routes.get("/schools/{npsn}", response_model=OneSchool, responses=RESPONSES, tags=["schools"])
    async def get_school(asked: Asked, npsn: Number) -> Response:
        """One school, with the decisions about its target and its visits."""

        async def work(tx: Connection, at: Moment) -> BaseModel:
            reading, group = await read(tx, at), group_of(npsn)
            school = next((school for school in await every_school(reading) if school.npsn == npsn), None)
            if school is None:
                raise Unknown("This campaign has no such school.")
            return OneSchool(
                **about(at),
                school=school,
                targets=[target for target in reading.decided_by_then if target.scope == group],
                visits=[visit for visit in reading.visits if group in visit.groups],
            )

        return await answer(questions, asked, work)

    @routes.get("/schools/{npsn}/days", response_model=SchoolDays, responses=RESPONSES, tags=["schools"])
    async def get_school_days(asked: Asked, npsn: Number) -> Response:
        """On which days the school's persons were recorded; none for a school that nobody has heard of."""

        async def work(tx: Connection, at: Moment) -> BaseModel:
            recorded = await (await read(tx, at)).days(group_of(npsn))
            return SchoolDays(**about(at), npsn=npsn, rows=day_rows(recorded))

        return await answer(questions, asked, work)

    @routes.get("/targets", response_model=Targets, responses=RESPONSES, tags=["targets"])
    async def get_targets(asked: Asked) -> Response:
        """Every revision of the office's decisions, and which of them are in force."""

        async def work(tx: Connection, at: Moment) -> BaseModel:
            reading = await read(tx, at)
            rows = [
                TargetRow.model_validate({**dict(target), "in_force": reading.targets.has(target)}, context=STORED)
                for target in reading.decided_by_then
            ]
            return Targets(**about(at), targets=rows)

        return await answer(questions, asked, work)

    @routes.get("/statements", response_model=Statements, responses=RESPONSES, tags=["targets"])
    async def get_statements(campaign: Slug, known_at: KnownAt = None, if_none_match: IfNoneMatch = None) -> Response:
        """What was stated, when and by whom: evidence, which changes no coverage."""

        async def work(tx: Connection, at: Moment) -> BaseModel:
            return Statements(**about(at), statements=await statements(tx, at))

        return await answer(questions, Question(campaign, None, known_at, if_none_match), work)

    @routes.get("/visits", response_model=Visits, responses=RESPONSES, tags=["visits"])
    async def get_visits(campaign: Slug, known_at: KnownAt = None, if_none_match: IfNoneMatch = None) -> Response:
        """The visits in the order of their days, cancelled and past ones too."""

        async def work(tx: Connection, at: Moment) -> BaseModel:
            return Visits(**about(at), visits=(await read(tx, at)).visits)

        return await answer(questions, Question(campaign, None, known_at, if_none_match), work)

    return routes


async def every_school(reading: Reading) -> list[School]:
    """The schools of a moment, each with its coverage and its next visit."""
    (coverage,) = await reading.coverage("group")
    return combine(reading.schools, coverage.by_group, next_by_group(reading.visits, reading.moment.as_of))
