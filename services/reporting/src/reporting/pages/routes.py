"""`/`, `/campaigns/{campaign}` and its live part. Without JavaScript the pages show the same figures."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Header
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BeforeValidator
from starlette.requests import Request
from starlette.responses import Response

import web
from chassis.access import Caller
from chassis.access.sessions import Session
from chassis.answers import describe
from chassis.db import Busy
from chassis.problems import INVALID, Problem
from chassis.refusal import Unknown
from reporting.access import ACCESS, OF
from reporting.live.sse import stream
from reporting.live.watch import Live
from reporting.pages import problems
from reporting.pages.render import FOLDER, Pages
from reporting.questions.asked import AsOf, KnownAt, instant_asked
from reporting.questions.late import compared, late
from reporting.questions.moment import previous
from reporting.questions.reading import every_campaign, hear, moment, read
from reporting.questions.turns import Questions
from reporting.questions.view import view


def _left_empty(value: str | None) -> str | None:
    """A field that nobody filled in is sent too."""
    return value.strip() or None if value else None


_TABLES: Final = ("schools", "late", "targets", "statements", "visits")

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
                errors = problem.ext.get("errors", ())
            except RequestValidationError as error:
                errors = [describe(each) for each in error.errors()]
            return web.html(pages.refused(request.url.path, errors, visitor(request)), 422)

        return handler


def mount(app: FastAPI, questions: Questions, live: Live) -> None:
    """Adds the pages to the application; they are no part of the API's document."""
    pages, routes = Pages(), APIRouter(route_class=Page, include_in_schema=False)
    web.mount(app, FOLDER)

    @routes.get("/")
    async def index(request: Request) -> Response:
        async with questions.snapshot(dear=False) as tx:
            listed = await every_campaign(tx)
        if len(listed) == 1:
            return web.redirect(f"/campaigns/{listed[0].campaign}")
        return web.html(pages.index(listed, visitor(request)))

    @routes.get("/campaigns/{campaign}")
    async def campaign_page(request: Request, campaign: str, as_of: Day = None, known_at: Instant = None) -> Response:
        try:
            async with questions.snapshot(dear=True) as tx:
                heard = await hear(tx, campaign)
                instant = instant_asked(known_at, heard)
                chosen = as_of is not None or instant is not None
                at = await moment(tx, heard, as_of, instant)
                reading = await read(tx, at)
                cut_off = await compared(tx, heard, at.as_of if chosen else previous(at.as_of), instant)
                seen, arrived = await view(reading), await late(tx, cut_off, reading.decided, limit=0)
        except Unknown:
            return web.html(pages.unknown(visitor(request)), 404)
        except Busy:
            response = web.html(pages.busy(visitor(request)), 429)
            response.headers["Retry-After"] = "2"
            return response
        return web.html(pages.campaign(seen, arrived, visitor(request), asked=chosen, tables=tables(request, campaign)))

    app.include_router(routes)
    problems.mount(app, pages, visitor)

    @app.get("/campaigns/{campaign}/live", include_in_schema=False)
    async def campaign_live(
        campaign: str, seen: str = "", last_event_id: Annotated[str | None, Header()] = None
    ) -> Response:
        return await stream(live, campaign, pages.changes, have=last_event_id or seen)


def tables(request: Request, campaign: str) -> list[str]:
    """What of the campaign's data the API would give to who looks, beside what is public."""
    caller: Caller = request.state.caller
    if caller.campaigns is not None and campaign not in caller.campaigns:
        return []
    return [name for name in _TABLES if caller.roles & ACCESS[f"GET {OF}/{name}"]]


def visitor(request: Request) -> web.Visitor | None:
    """Who looks; None where nobody can log in."""
    if request.app.state.access.sessions is None:
        return None
    session: Session | None = getattr(request.state, "session", None)  # none at an address that is no route
    if session is None:
        return web.Visitor(back=request.url.path)
    return web.Visitor(session.caller.name or session.caller.sub, session.csrf)
