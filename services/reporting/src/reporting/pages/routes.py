"""`/`, `/campaigns/{campaign}` and its live part. Without JavaScript the pages show the same figures."""

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Header
from starlette.requests import Request
from starlette.responses import Response

import web
from chassis.access.sessions import Session
from chassis.db import Busy
from chassis.refusal import Unknown
from reporting.live.sse import stream
from reporting.live.watch import Live
from reporting.pages.render import FOLDER, Pages
from reporting.projection.changes import campaigns
from reporting.questions.late import compared, late
from reporting.questions.moment import previous
from reporting.questions.reading import hear, moment, read
from reporting.questions.turns import Questions
from reporting.questions.view import view


def mount(app: FastAPI, questions: Questions, live: Live) -> None:
    """Adds the pages to the application; they are no part of the API's document."""
    pages = Pages()
    web.mount(app, FOLDER)

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        async with questions.snapshot(dear=False) as tx:
            listed = [(await hear(tx, slug)).moment().campaign for slug in await campaigns(tx)]
        if len(listed) == 1:
            return web.redirect(f"/campaigns/{listed[0].campaign}")
        return web.html(pages.index(listed, visitor(request)))

    @app.get("/campaigns/{campaign}", include_in_schema=False)
    async def campaign_page(request: Request, campaign: str, as_of: str = "", known_at: str = "") -> Response:
        try:
            async with questions.snapshot(dear=True) as tx:
                heard = await hear(tx, campaign)
                day, instant, complaint = asked(as_of.strip(), known_at.strip(), heard.moment().campaign.zone)
                chosen = day is not None or instant is not None
                at = await moment(tx, heard, day, instant)
                reading = await read(tx, at)
                cut_off = await compared(tx, heard, at.as_of if chosen else previous(at.as_of), instant)
                seen, arrived = await view(reading), await late(tx, cut_off, reading.decided, limit=0)
        except Unknown:
            return web.html(pages.unknown(visitor(request)), 404)
        except Busy:
            response = web.html(pages.busy(visitor(request)), 429)
            response.headers["Retry-After"] = "2"
            return response
        return web.html(pages.campaign(seen, arrived, visitor(request), asked=chosen, complaint=complaint))

    @app.get("/campaigns/{campaign}/live", include_in_schema=False)
    async def campaign_live(
        campaign: str, seen: str = "", last_event_id: Annotated[str | None, Header()] = None
    ) -> Response:
        return await stream(live, campaign, pages.changes, have=last_event_id or seen)


def visitor(request: Request) -> web.Visitor | None:
    """Who looks; None where nobody can log in."""
    if request.app.state.access.sessions is None:
        return None
    session: Session | None = request.state.session
    if session is None:
        return web.Visitor(back=request.url.path)
    return web.Visitor(session.caller.name or session.caller.sub, session.csrf)


def asked(as_of: str, known_at: str, zone: ZoneInfo) -> tuple[date | None, datetime | None, str]:
    """The chosen day and instant, and what could not be read. An instant without an offset is one of the zone."""
    day, instant, complaint = None, None, ""
    try:
        day = date.fromisoformat(as_of) if as_of else None
    except ValueError:
        complaint = "Tanggal tidak dapat dibaca."
    try:
        instant = datetime.fromisoformat(known_at.replace(" ", "+")) if known_at else None
    except ValueError:
        complaint = "Waktu tidak dapat dibaca."
    return day, instant if instant is None or instant.tzinfo else instant.replace(tzinfo=zone), complaint
