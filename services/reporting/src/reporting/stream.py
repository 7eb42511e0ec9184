"""`GET /stream`: server-sent events. A snapshot first, then what has changed since the event before."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Header
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from chassis.http import problems
from chassis.problems import NOT_FOUND
from contracts.visits import Visit
from reporting.api.asked import Slug, unknown_campaign
from reporting.coverage.answer import about
from reporting.coverage.model import Asked, Coverage, GroupRow, Total
from reporting.live import Live, View
from reporting.moment import UnknownCampaign

HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
ALIVE: Final = ": alive\n\n"


class Snapshot(BaseModel):
    """Event `snapshot`: all of it."""

    coverage: Coverage
    visits: list[Visit]


class CoverageChanged(Asked):
    """Event `coverage`: the campaign's line, the rows that are new or other than before, the groups that are gone."""

    total: Total
    rows: list[GroupRow]
    gone: list[str]


class VisitsChanged(BaseModel):
    """Event `visits`: those that are new or other than before. None ever goes: a cancelled one stays."""

    revision: int
    visits: list[Visit]


def router(live: Live) -> APIRouter:
    """The route, on what `live` sees."""
    routes = APIRouter(prefix="/v1/campaigns/{campaign}", tags=["stream"])

    @routes.get(
        "/stream",
        response_class=StreamingResponse,
        responses={
            200: {"description": "Events `snapshot`, then `coverage`, `visits`.",
                  "content": {"text/event-stream": {"schema": {"type": "string"}}}},
            **problems(NOT_FOUND),
        },
    )  # fmt: skip
    async def get_stream(
        campaign: Slug,
        last_event_id: Annotated[str | None, Header(description="Where you were: you get a snapshot again.")] = None,
    ) -> Response:
        """The campaign as it changes: a snapshot, then the differences. `id` is the revision."""
        return await stream(live, campaign, events)

    return routes


async def stream(live: Live, campaign: str, render: Callable[[View | None, View], str]) -> Response:
    """Sends what `render(before, now)` makes of every view, until client or process go. 404: unknown."""
    views = live.follow(campaign)
    try:
        first = await anext(views)
    except UnknownCampaign:
        raise unknown_campaign() from None

    async def text() -> AsyncIterator[str]:
        before: View | None = None
        try:
            if first is not None:
                yield "retry: 2000\n\n" + render(before, first)
                before = first
            async for view in views:
                yield ALIVE if view is None else render(before, view) or ALIVE
                before = view or before
        finally:
            await views.aclose()

    return StreamingResponse(text(), media_type="text/event-stream", headers=HEADERS)


def events(before: View | None, now: View) -> str:
    """A snapshot, or what is other than before."""
    revision = now.moment.revision
    if before is None:
        snapshot = Snapshot.model_validate({"coverage": now.coverage, "visits": now.visits})
        return event("snapshot", revision, snapshot.model_dump_json())
    rows, gone = changed_rows(before.coverage, now.coverage)
    text = ""
    if rows or gone or before.coverage != now.coverage:
        change = CoverageChanged(**about(now.moment), total=now.coverage.total, rows=rows, gone=gone)
        text += event("coverage", revision, change.model_dump_json())
    known = {visit["visit_id"]: visit for visit in before.visits}
    if visits := [visit for visit in now.visits if known.get(visit["visit_id"]) != visit]:
        other = VisitsChanged.model_validate({"revision": revision, "visits": visits})
        text += event("visits", revision, other.model_dump_json())
    return text


def changed_rows(before: Coverage, now: Coverage) -> tuple[list[GroupRow], list[str]]:
    """The groups' rows that are new or other than before, and the groups that are gone."""
    known = {row.group: row for row in before.rows if isinstance(row, GroupRow)}
    rows = {row.group: row for row in now.rows if isinstance(row, GroupRow)}
    return [row for group, row in rows.items() if known.get(group) != row], sorted(known.keys() - rows.keys())


def event(name: str, revision: int, data: str) -> str:
    """One server-sent event; data may have several lines."""
    lines = "\n".join(f"data: {one}" for one in data.splitlines())
    return f"event: {name}\nid: {revision}\n{lines}\n\n"
