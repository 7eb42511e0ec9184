"""What the questions have in common: their parameters, entity tags, and how answers are sent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Path
from pydantic import BaseModel
from starlette.responses import Response

from chassis.conditional import IfNoneMatch, etag, not_modified
from chassis.openapi import problems
from chassis.problems import NOT_FOUND
from contracts.types import Campaign
from exactly_once import Connection
from reporting.questions.asked import AsOf, KnownAt, instant_asked
from reporting.questions.moment import Heard, Moment
from reporting.questions.reading import hear, moment
from reporting.questions.turns import Questions

Slug = Annotated[Campaign, Path()]
HEADERS: Final = {
    "ETag": {"description": 'The revision: `"7"`; with a day that time moved: `"7.2024-11-08"`; weak if not final.',
             "schema": {"type": "string"}},
    "Cache-Control": {"description": "`immutable` once nothing can change.", "schema": {"type": "string"}},
}  # fmt: skip
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"headers": HEADERS},
    304: {"description": "You have this answer already."},
    **problems(NOT_FOUND),
}
FOR_EVER: Final = "public, max-age=31536000, immutable"


def entity_tag(at: Moment) -> str:
    """The revision alone while only events change the answer (`complete_through` moves beside it).

    Where time alone moved the day, the day is in it too. An answer that is not final yet has the weak form, and a value
    of its own, since `If-None-Match` takes W/"7" and "7" for the same.
    """
    value = f"{at.revision}.{at.as_of}" if at.moved_by_time else f"{at.revision}"
    return etag(value) if at.final else f'W/"{value}.open"'


@dataclass(frozen=True, slots=True)
class Question:
    """Of which campaign, as of which day, as known when; and the entity tag of the answer that the client has."""

    campaign: Slug
    as_of: AsOf = None
    known_at: KnownAt = None
    if_none_match: IfNoneMatch = None


Asked = Annotated[Question, Depends()]


async def answer(
    questions: Questions,
    asked: Question,
    work: Callable[[Connection, Moment], Awaitable[BaseModel]],
    find: Callable[[Connection, Heard, date | None, datetime | None], Awaitable[Moment]] = moment,
    *,
    dear: bool = False,
) -> Response:
    """Sends what `work` makes of the moment that `find` finds, in one transaction, or 304.

    What was known at an instant is dear to find out; so is what says so. Raises Busy.
    """
    async with questions.snapshot(dear=dear or asked.known_at is not None) as tx:
        heard = await hear(tx, asked.campaign)
        at = await find(tx, heard, asked.as_of, instant_asked(asked.known_at, heard))
        tag = entity_tag(at)
        headers = {"ETag": tag, "Cache-Control": FOR_EVER if at.settled else "no-cache"}
        if same := not_modified(asked.if_none_match, tag):
            same.headers.update(headers)
            return same
        body = await work(tx, at)
    return Response(body.model_dump_json(), media_type="application/json", headers=headers)
