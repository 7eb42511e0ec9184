"""What the questions have in common: their parameters, entity tags, and how answers are sent."""

import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Any, Final, TypeVar

from fastapi import Path, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator
from starlette.responses import Response

from chassis.conditional import etag, not_modified
from chassis.http import problems
from chassis.problems import NOT_FOUND, Problem
from contracts.types import Campaign
from exactly_once import Connection, Pool
from reporting import changes, days
from reporting.moment import Moment, UnknownCampaign, moment, reading

M = TypeVar("M", bound=BaseModel)

_OFFSET_IN_A_URL: Final = re.compile(r" (\d\d:?\d\d)$")


def _plus(value: object) -> object:
    """In a query `+07:00` means ` 07:00`: people forget to write `%2B`."""
    return _OFFSET_IN_A_URL.sub(r"+\1", value) if isinstance(value, str) else value


Slug = Annotated[Campaign, Path()]
AsOf = Annotated[
    date | None, Query(description="Recorded until the end of this day; default: the day of `known_at`, or the latest.")
]
KnownAt = Annotated[
    AwareDatetime | None,
    BeforeValidator(_plus),
    Query(description="As known at this instant (RFC 3339 with offset); default: as known now."),
]
HEADERS: Final = {
    "ETag": {"description": "The campaign's revision, or its own for an answer that cannot change.",
             "schema": {"type": "string"}},
    "Cache-Control": {"description": "`immutable` once nothing can change.", "schema": {"type": "string"}},
}  # fmt: skip
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"headers": HEADERS},
    304: {"description": "You have this answer already."},
    **problems(NOT_FOUND),
}
FOR_EVER: Final = "public, max-age=31536000, immutable"


def unknown_campaign() -> Problem:
    """404."""
    return Problem(NOT_FOUND, "Nothing has been heard of this campaign yet.")


async def answer(
    pool: Pool,
    campaign: str,
    as_of: date | None,
    known_at: datetime | None,
    if_none_match: str | None,
    work: Callable[[Connection, Moment], Awaitable[BaseModel]],
) -> Response:
    """Sends what `work` reads in one transaction, or 304.

    A live answer changes with the campaign's revision alone (`complete_through` moves beside it); one that is settled
    never changes.
    """
    async with reading(pool) as tx:
        if known_at is None and if_none_match is not None:
            revision = (await changes.revisions(tx, [campaign])).get(campaign)
            if revision is not None and (same := not_modified(if_none_match, etag(revision))):
                return same
        try:
            at = await moment(tx, campaign, as_of, known_at)
        except UnknownCampaign:
            raise unknown_campaign() from None
        tag, cache = etag(at.revision), "no-cache"
        if at.settled:
            tag, cache = f'W/"{at.as_of}-{days.utc(at.known_at).isoformat()}"', FOR_EVER
        elif at.final:
            tag = etag(f"{at.revision}-final") if known_at is not None else tag
        if same := not_modified(if_none_match, tag):
            return same
        body = await work(tx, at)
    return Response(
        body.model_dump_json(), media_type="application/json", headers={"ETag": tag, "Cache-Control": cache}
    )
