"""`/`, `/campaigns/{campaign}` and its live part. Without JavaScript the pages show the same figures."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BeforeValidator
from starlette.requests import Request
from starlette.responses import Response

import web
from chassis.answers import describe
from chassis.problems import INVALID, Problem
from chassis.refusal import Unknown
from exactly_once import Pool
from reporting.live.sse import stream
from reporting.live.watch import Live
from reporting.pages.render import FOLDER, Pages
from reporting.questions.asked import AsOf, KnownAt, instant_asked
from reporting.questions.late import compared, late
from reporting.questions.moment import previous
from reporting.questions.reading import every_campaign, hear, moment, read, snapshot
from reporting.questions.view import view


def _left_empty(value: str | None) -> str | None:
    """A field that nobody filled in is sent too."""
    return value.strip() or None if value else None


Day = Annotated[AsOf, BeforeValidator(_left_empty)]
Instant = Annotated[KnownAt, BeforeValidator(_left_empty)]


class Page(APIRoute):
    """What is wrong with an address is said in words, as a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, pages = super().get_route_handler(), Pages()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as problem:
                if problem.kind is not INVALID:
                    raise
                return web.html(pages.refused(request.url.path, problem.ext.get("errors", ())), problem.kind.status)
            except RequestValidationError as error:
                return web.html(pages.refused(request.url.path, [describe(e) for e in error.errors()]), 422)

        return handler


def mount(app: FastAPI, pool: Pool, live: Live) -> None:
    """Adds the pages to the application; they are no part of the API's document."""
    pages, routes = Pages(), APIRouter(route_class=Page, include_in_schema=False)
    web.mount(app, FOLDER)

    @routes.get("/")
    async def index() -> Response:
        async with snapshot(pool) as tx:
            listed = await every_campaign(tx)
        if len(listed) == 1:
            return web.redirect(f"/campaigns/{listed[0].campaign}")
        return web.html(pages.index(listed))

    @routes.get("/campaigns/{campaign}")
    async def campaign_page(campaign: str, as_of: Day = None, known_at: Instant = None) -> Response:
        try:
            async with snapshot(pool) as tx:
                heard = await hear(tx, campaign)
                instant = instant_asked(known_at, heard)
                chosen = as_of is not None or instant is not None
                at = await moment(tx, heard, as_of, instant)
                reading = await read(tx, at)
                cut_off = await compared(tx, heard, at.as_of if chosen else previous(at.as_of), instant)
                seen, arrived = await view(reading), await late(tx, cut_off, reading.decided, limit=0)
        except Unknown:
            return web.html(pages.unknown(), 404)
        return web.html(pages.campaign(seen, arrived, asked=chosen))

    app.include_router(routes)

    @app.get("/campaigns/{campaign}/live", include_in_schema=False)
    async def campaign_live(
        campaign: str, seen: str = "", last_event_id: Annotated[str | None, Header()] = None
    ) -> Response:
        return await stream(live, campaign, pages.changes, have=last_event_id or seen)
