"""HTTP in: the records that could not be taken, without what is in them."""

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response

from chassis.db import Pool
from enrollment.api import answers
from exactly_once import DeadLetters


def router(pool: Pool, letters: DeadLetters) -> APIRouter:
    """The list; to replay or discard is for the command line, where somebody is answerable."""
    routes = APIRouter(prefix="/v1", tags=["dead letters"])

    @routes.get("/dead-letters", response_model=answers.DeadLettersAnswer)
    async def dead_letters(
        status: Literal["waiting", "replayed", "discarded"] = "waiting",
        after: Annotated[int, Query(ge=0, le=2**63 - 1, description="`next` of the last answer.")] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """Dead letters of a status, the oldest first, with reason and position."""
        async with pool.acquire() as tx:
            found = await letters.list(tx, status=status, after=after, limit=limit)
        said = answers.DeadLettersAnswer(
            dead_letters=[answers.DeadLetterAnswer(**asdict(letter)) for letter in found],
            next=found[-1].id if len(found) == limit else None,
        )
        return JSONResponse(said.model_dump(mode="json"))

    return routes
