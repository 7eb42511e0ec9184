"""`GET /coverage` and `GET /late`."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response

from chassis.conditional import IfNoneMatch
from contracts.types import MOST
from exactly_once import Connection
from reporting.api.asked import RESPONSES, Asked, Question, Slug, answer
from reporting.api.table import MEDIA_TYPE, as_csv
from reporting.questions.asked import AsOf, KnownAt
from reporting.questions.coverage import By, Coverage
from reporting.questions.late import LateAnswer, compared, late
from reporting.questions.moment import Moment
from reporting.questions.reading import read
from reporting.questions.turns import Questions

AS_CSV: Final = {**RESPONSES, 200: {**RESPONSES[200], "content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}}


def router(questions: Questions) -> APIRouter:
    routes = APIRouter(prefix="/v1/campaigns/{campaign}", tags=["coverage"])

    @routes.get("/coverage", response_model=Coverage, responses=RESPONSES)
    async def get_coverage(asked: Asked, by: Annotated[By, Query(description="What a row is.")] = "group") -> Response:
        """How far the campaign is from its target, as of a day, as known at an instant."""

        async def work(tx: Connection, at: Moment) -> BaseModel:
            (coverage,) = await (await read(tx, at)).coverage(by)
            return coverage

        return await answer(questions, asked, work)

    @routes.get("/coverage.csv", response_class=Response, responses=AS_CSV)
    async def get_coverage_csv(
        asked: Asked, by: Annotated[By, Query(description="What a row is.")] = "group"
    ) -> Response:
        """The rows of `/coverage` as a table for a spreadsheet: UTF-8, commas."""
        return as_csv(await get_coverage(asked, by), by)

    @routes.get("/late", response_model=LateAnswer, responses=RESPONSES)
    async def get_late(
        campaign: Slug,
        as_of: AsOf = None,
        known_at: Annotated[
            KnownAt, Query(description="As known then, compared with now; default: the end of the day `as_of`.")
        ] = None,
        limit: Annotated[int, Query(ge=0, le=1000, description="Rows, at most; the counts are of all.")] = 1000,
        offset: Annotated[int, Query(ge=0, le=MOST, description="Rows before the first: the next page.")] = 0,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """Who counts as of a day now and did not as known then, or the other way round, or for another group."""

        async def work(tx: Connection, at: Moment) -> BaseModel:
            return await late(tx, at, (await read(tx, at)).decided, limit, offset)

        return await answer(questions, Question(campaign, as_of, known_at, if_none_match), work, compared, dear=True)

    return routes
