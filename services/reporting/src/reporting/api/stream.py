"""`GET /stream`: server-sent events. A snapshot first, then what has changed since the event before."""

from typing import Annotated

from fastapi import APIRouter, Header
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from chassis.openapi import problems
from chassis.problems import NOT_FOUND
from contracts.visits import Visit
from reporting.api.asked import Slug
from reporting.live.sse import event, stream
from reporting.live.watch import Live
from reporting.questions.coverage import Coverage, GroupRow, Total
from reporting.questions.moment import Asked, about
from reporting.questions.view import View


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


def events(before: View | None, now: View) -> str:
    """A snapshot, or what is other than before."""
    revision = now.moment.revision
    if before is None:
        return event("snapshot", revision, Snapshot(coverage=now.coverage, visits=now.visits).model_dump_json())
    rows, gone = changed_rows(before.coverage, now.coverage)
    text = ""
    if rows or gone or before.coverage != now.coverage:
        change = CoverageChanged(**about(now.moment), total=now.coverage.total, rows=rows, gone=gone)
        text += event("coverage", revision, change.model_dump_json())
    old = {visit.visit_id: visit for visit in before.visits}
    if visits := [visit for visit in now.visits if old.get(visit.visit_id) != visit]:
        text += event("visits", revision, VisitsChanged(revision=revision, visits=visits).model_dump_json())
    return text


def changed_rows(before: Coverage, now: Coverage) -> tuple[list[GroupRow], list[str]]:
    """The groups' rows that are new or other than before, and the groups that are gone."""
    old, rows = before.by_group, now.by_group
    return [row for group, row in rows.items() if old.get(group) != row], sorted(old.keys() - rows.keys())
