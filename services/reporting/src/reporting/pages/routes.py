"""`/`, `/campaigns/{campaign}` and its live part. Without JavaScript the pages show the same figures."""

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Header
from starlette.responses import Response

import web
from exactly_once import Pool
from reporting import changes
from reporting.late.answer import compared, read_late
from reporting.live import Live, View, view
from reporting.moment import UnknownCampaign, moment, reading
from reporting.pages.render import FOLDER, Pages
from reporting.schools.rules import previous
from reporting.stream import stream


def mount(app: FastAPI, pool: Pool, live: Live) -> None:
    """Adds the pages to the application; they are no part of the API's document."""
    pages = Pages()
    web.mount(app, FOLDER)

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        async with reading(pool) as tx:
            known = [(await moment(tx, slug)).campaign for slug in await changes.campaigns(tx)]
        if len(known) == 1:
            return web.redirect(f"/campaigns/{known[0].campaign}")
        return web.html(pages.index(known))

    @app.get("/campaigns/{campaign}", include_in_schema=False)
    async def campaign_page(campaign: str, as_of: str = "", known_at: str = "") -> Response:
        try:
            async with reading(pool) as tx:
                now = await moment(tx, campaign)
                on, known, complaint = asked(as_of.strip(), known_at.strip(), now.campaign.zone)
                chosen = on is not None or known is not None
                at = await moment(tx, campaign, on, known) if chosen else now
                cut_off = await compared(tx, campaign, at.as_of if chosen else previous(at.as_of), known)
                seen, late = await view(tx, at), await read_late(tx, cut_off, limit=0)
        except UnknownCampaign:
            return web.html(pages.unknown(), 404)
        return web.html(pages.campaign(seen, late, asked=chosen, complaint=complaint))

    @app.get("/campaigns/{campaign}/live", include_in_schema=False)
    async def campaign_live(
        campaign: str, seen: str = "", last_event_id: Annotated[str | None, Header()] = None
    ) -> Response:
        have = last_event_id or seen

        def render(before: View | None, now: View) -> str:
            return "" if before is None and str(now.moment.revision) == have else pages.changes(before, now)

        return await stream(live, campaign, render)


def asked(as_of: str, known_at: str, zone: ZoneInfo) -> tuple[date | None, datetime | None, str]:
    """The chosen day and instant, and what could not be read. An instant without an offset is one of the zone."""
    complaint = ""
    on: date | None = None
    known: datetime | None = None
    try:
        on = date.fromisoformat(as_of) if as_of else None
    except ValueError:
        complaint = "Tanggal tidak dapat dibaca."
    try:
        known = datetime.fromisoformat(known_at.replace(" ", "+")) if known_at else None
    except ValueError:
        complaint = "Waktu tidak dapat dibaca."
    return on, known if known is None or known.tzinfo else known.replace(tzinfo=zone), complaint
