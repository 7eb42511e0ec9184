"""HTTP in: the records that could not be taken, without what is in them."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from exactly_once import DeadLetters, Pool


class DeadLetterReturn(BaseModel):
    """A record that could not be taken, without the record.

    `campaign`, `device_id` and `submission_id` are what it says of itself; nobody has checked it.
    """

    id: int
    topic: str
    partition: int
    offset: int
    logged_at: datetime
    reason: str
    detail: str
    dead_at: datetime
    status: str
    closed_at: datetime | None = None
    closed_why: str | None = None
    campaign: str | None = None
    device_id: str | None = None
    submission_id: str | None = None


class DeadLettersReturn(BaseModel):
    """Dead letters, the oldest first; ask again with `after` = `next` for more, null when there are none."""

    dead_letters: list[DeadLetterReturn]
    next: int | None = None


def router(pool: Pool, letters: DeadLetters) -> APIRouter:
    """The list; to replay or discard is for the command line, where somebody is answerable."""
    routes = APIRouter(prefix="/v1", tags=["dead letters"])

    @routes.get("/dead-letters", response_model=DeadLettersReturn)
    async def dead_letters(
        status: Literal["waiting", "replayed", "discarded"] = "waiting",
        after: Annotated[int, Query(ge=0, le=2**63 - 1, description="`next` of the last answer.")] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """Dead letters of a status, the oldest first, with reason and position."""
        async with pool.acquire() as tx:
            page = await letters.list(tx, status=status, after=after, limit=limit)
        returned = DeadLettersReturn(
            dead_letters=[DeadLetterReturn(**asdict(letter)) for letter in page],
            next=page[-1].id if len(page) == limit else None,
        )
        return JSONResponse(returned.model_dump(mode="json"))

    return routes
