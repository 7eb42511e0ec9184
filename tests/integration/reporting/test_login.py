"""Logging in to the pages at a real issuer, step by step as a browser does, and what must not go through."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from chassis.run import App
from reporting.app import build
from stack.postgres import Database
from tests.integration.reporting.conftest import reporting_settings
from tests.integration.reporting.world import CAMPAIGN, hear, opened
from tests.issuer import LocalIssuer

HERE = "http://127.0.0.1:8003"


class Browser(httpx.AsyncClient):
    """Keeps its cookies, and follows nothing by itself."""

    def __init__(self, app: App, here: str = HERE) -> None:
        super().__init__(transport=httpx.ASGITransport(app.http), base_url=here)

    async def to_the_issuer(self, back: str = "/") -> str:
        answer = await self.get("/login", params={"back": back})
        assert answer.status_code == 303
        return answer.headers["location"]

    async def header(self, path: str = "/") -> str:
        page = (await self.get(path)).text
        return page[page.index("<header") : page.index("</header>")]

    async def csrf(self) -> str:
        match = re.search(r'name="csrf" value="([^"]+)"', await self.header())
        assert match
        return match[1]


@dataclass
class Pages:
    app: App
    issuer: LocalIssuer

    def browser(self) -> Browser:
        return Browser(self.app)

    async def choose(self, address: str, role: str) -> str:
        """At the issuer: the address that it sends the browser back to."""
        async with httpx.AsyncClient() as http:
            assert role in (await http.get(address)).text
            answer = await http.post(address, data={"role": role})
        return str(answer.headers["location"])

    async def logged_in(self, role: str = "head") -> Browser:
        browser = self.browser()
        answer = await browser.get(await self.choose(await browser.to_the_issuer(), role))
        assert answer.status_code == 303, answer.text
        return browser

    async def rows(self, query: str) -> Any:
        return await self.app.pools[0].fetch(query)


@pytest.fixture
async def pages(migrated: Database, issuer: LocalIssuer) -> AsyncIterator[Pages]:
    app = build(reporting_settings(migrated, oidc_issuer=issuer.url))
    async with app:
        yield Pages(app, issuer)


async def test_in_and_out(pages: Pages) -> None:
    browser = pages.browser()
    assert 'href="/login?back=/"' in await browser.header()
    address = await browser.to_the_issuer("/campaigns/malang-2024?as_of=2024-11-08")
    asked = parse_qs(urlsplit(address).query)
    assert (asked["response_type"], asked["code_challenge_method"]) == (["code"], ["S256"])
    assert asked["redirect_uri"] == [f"{HERE}/login/callback"] and asked["nonce"] and asked["state"]

    answer = await browser.get(await pages.choose(address, "coordinator"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/campaigns/malang-2024?as_of=2024-11-08")
    (cookie,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith("jb_reporting=")]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    header = await browser.header()
    assert "Coordinator (lokal)" in header and "/login" not in header
    # What the cookie opens, a token would.
    assert (await browser.get("/v1/dead-letters")).status_code == 403
    assert (await browser.get("/v1/campaigns/malang-2024/schools")).status_code == 404, "admitted; no such campaign"
    secret = browser.cookies["jb_reporting"]
    stored = await pages.rows("SELECT secret_sha256, caller::text FROM chassis.session")
    assert len(stored) == 1 and secret not in str(stored) and await pages.rows("SELECT FROM chassis.login") == []

    for csrf in ("", "x", secret):
        refused = await browser.post("/logout", data={"csrf": csrf})
        assert refused.status_code == 403, "any page of the world can make a browser send a form"
    assert (await browser.post("/logout", json={})).status_code == 403
    assert "Coordinator (lokal)" in await browser.header()
    answer = await browser.post("/logout", data={"csrf": await browser.csrf()})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert await pages.rows("SELECT FROM chassis.session") == []
    browser.cookies.set("jb_reporting", secret)  # somebody kept it
    assert "Masuk" in await browser.header()


async def test_a_login_belongs_to_the_browser_that_began_it_and_is_used_once(pages: Pages) -> None:
    """An attacker's callback address, opened by a victim, would log the victim in as the attacker."""
    attacker, victim = pages.browser(), pages.browser()
    callback = await pages.choose(await attacker.to_the_issuer(), "head")
    assert (await victim.get(callback)).status_code == 403
    await victim.to_the_issuer()
    assert (await victim.get(callback)).status_code == 403
    assert (await attacker.get(callback)).status_code == 303
    assert (await attacker.get(callback)).status_code == 403, "a second time"
    assert len(await pages.rows("SELECT FROM chassis.session")) == 1


async def test_what_comes_back_from_the_issuer_is_checked(pages: Pages) -> None:
    browser = pages.browser()
    address = await browser.to_the_issuer()
    state = parse_qs(urlsplit(address).query)["state"][0]
    refused = await browser.get("/login/callback", params={"state": state, "error": "access_denied"})
    assert (refused.status_code, refused.json()["detail"]) == (
        403,
        "This login is over, or was refused by the issuer. Begin again.",
    )
    address = await browser.to_the_issuer()
    state = parse_qs(urlsplit(address).query)["state"][0]
    refused = await browser.get("/login/callback", params={"state": state, "code": "made-up"})
    assert refused.json()["detail"] == "The issuer gave no token for this login. Begin again."

    callback = await pages.choose(await browser.to_the_issuer(), "head")
    await pages.rows("UPDATE chassis.login SET nonce = 'of another login'")
    assert (await browser.get(callback)).json()["detail"].startswith("The issuer's tokens are not those of this login")
    callback = await pages.choose(await browser.to_the_issuer(), "head")
    await pages.rows("UPDATE chassis.login SET verifier = repeat('x', 64)")
    assert (await browser.get(callback)).json()["detail"] == "The issuer gave no token for this login. Begin again."
    callback = await pages.choose(await browser.to_the_issuer(), "head")
    await pages.rows("UPDATE chassis.login SET began_at = began_at - interval '11 minutes'")
    assert (await browser.get(callback)).status_code == 403
    assert await pages.rows("SELECT FROM chassis.session") == []


@pytest.mark.parametrize(
    "change", ["seen_at = seen_at - interval '61 minutes'", "ends_at = now() - interval '1 second'"]
)
async def test_a_session_ends_by_itself(pages: Pages, change: str) -> None:
    browser = await pages.logged_in()
    assert "Head (lokal)" in await browser.header()
    await pages.rows(f"UPDATE chassis.session SET {change}")
    assert "Masuk" in await browser.header()
    assert (await browser.get("/v1/campaigns/malang-2024/schools")).status_code == 401
    await pages.logged_in("team")
    assert len(await pages.rows("SELECT FROM chassis.session")) == 1, "those that have ended are removed"


async def test_whoever_goes_on_looking_stays_logged_in(pages: Pages) -> None:
    browser = await pages.logged_in()
    for _ in range(3):
        await pages.rows("UPDATE chassis.session SET seen_at = seen_at - interval '50 minutes'")
        assert "Head (lokal)" in await browser.header()


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "", "/a\r\nb"])
async def test_back_is_never_another_host(pages: Pages, back: str) -> None:
    browser = pages.browser()
    answer = await browser.get(await pages.choose(await browser.to_the_issuer(back), "head"))
    assert answer.headers["location"] == "/"


async def test_elsewhere_than_on_this_machine_the_cookie_wants_tls(migrated: Database, own_issuer: LocalIssuer) -> None:
    settings = reporting_settings(migrated, oidc_issuer=own_issuer.url)
    app = build(settings)
    async with app, Browser(app, "https://terekam.example") as browser:
        lying = await browser.get("/login")
        assert lying.status_code == 400 and "PUBLIC_URL" in lying.json()["detail"]
    app = build(settings.model_copy(update={"public_url": "https://terekam.example"}))
    async with app, Browser(app, "https://terekam.example") as browser:
        assert (await browser.get("/login", headers={"Host": "evil.example"})).status_code == 421
        answer = await browser.get("/login")
        assert "redirect_uri=https%3A%2F%2Fterekam.example%2Flogin%2Fcallback" in answer.headers["location"]
        assert "; Secure" in answer.headers["set-cookie"]
        own_issuer.stop()
        assert (await browser.get("/login")).status_code == 303, "the way there is known"
    app = build(settings)
    async with app, Browser(app) as browser:
        assert (await browser.get("/login")).status_code == 503


@pytest.mark.parametrize("role", ["press", "principal", "operator", "team", "head", None])
async def test_the_page_has_no_link_that_is_refused(pages: Pages, role: str | None) -> None:
    await hear(pages.app.pools[0], opened())
    browser = await pages.logged_in(role) if role else pages.browser()
    page = (await browser.get(f"/campaigns/{CAMPAIGN}")).text
    links = set(re.findall(r'href="(/v1/[^"]+)"', page))
    every = {f"/v1/campaigns/{CAMPAIGN}/{name}" for name in ("schools", "late", "targets", "statements", "visits")}
    statuses = {link: (await browser.get(link)).status_code for link in links | every}
    assert {link for link, status in statuses.items() if status == 200} == links


async def test_without_an_issuer_nobody_logs_in(migrated: Database) -> None:
    app = build(reporting_settings(migrated))
    async with app, Browser(app) as browser:
        assert (await browser.get("/login", params={"back": "/campaigns/x"})).headers["location"] == "/campaigns/x"
        assert "Masuk" not in await browser.header()
        assert (await browser.post("/logout")).status_code == 303


@pytest.mark.parametrize(
    ("address", "status", "says"),
    [("/tidak-ada", 404, "Halaman ini tidak ada"), ("/login/callback?state=x&code=y", 403, "Anda belum masuk")],
)
async def test_what_goes_wrong_in_a_browser_is_a_page(pages: Pages, address: str, status: int, says: str) -> None:
    """And a problem for a program, as it is at every address of the API."""
    async with pages.browser() as browser:
        page = await browser.get(address, headers={"Accept": "text/html,*/*;q=0.8"})
        assert page.status_code == status
        assert page.headers["content-type"].startswith("text/html")
        assert says in page.text
        assert 'href="/login?back=/"' in page.text
        for path, accept in ((address, "*/*"), ("/v1/tidak-ada", "text/html")):
            answer = await browser.get(path, headers={"Accept": accept})
            assert answer.headers["content-type"] == "application/problem+json"
