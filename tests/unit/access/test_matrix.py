"""Every role at every route of every service: what the table says is what happens, and docs/access.md shows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from chassis.access import PUBLIC, Access, Role, may
from chassis.access.table import routes
from chassis.http import create_app
from exactly_once import Misconfigured
from stack import issuer as local
from tests.issuer import LocalIssuer
from tests.unit.access.services import SERVICES, built, table

ROOT = Path(__file__).parents[3]
UUID = "0192d3a0-0000-7000-8000-000000000001"
FILLED = {
    "campaign": "malang-2024", "npsn": "20599901", "set_id": "set-1", "device_id": "loket-1",
    "visit_id": UUID, "person_id": UUID, "submission_id": UUID,
}  # fmt: skip
REFUSED = (401, 403)


def address(route: str) -> tuple[str, str]:
    method, path = route.split()
    return method, (path + "/style.css" if path == "/static" else path).format(**FILLED)


async def ask(http: httpx.AsyncClient, route: str, headers: dict[str, str] | None = None) -> httpx.Response:
    method, path = address(route)
    return await http.request(method, path, headers=headers)


def test_the_local_issuer_has_a_user_for_each_role() -> None:
    assert set(local.ROLES) | {"public"} == {str(role) for role in Role}


@pytest.mark.parametrize("name", SERVICES)
async def test_every_role_at_every_route(name: str, issuer: LocalIssuer) -> None:
    app, lines = built(name, issuer.url), table(name)
    tokens = {role: issuer.bearer(role) for role in local.ROLES}
    every = list(routes(app))
    assert len(every) > 10
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{name}") as http:
        for route in every:
            admitted = lines[route]
            without = await ask(http, route)
            assert (without.status_code == 401) is (admitted != PUBLIC), (route, without.text)
            if admitted != PUBLIC:
                assert without.headers["www-authenticate"] == "Bearer"
            for role, token in tokens.items():
                answer = await ask(http, route, token)
                may_use = admitted == PUBLIC or role in admitted
                assert (answer.status_code in REFUSED) is not may_use, (route, role, answer.text)
                if not may_use:
                    problem = answer.json()
                    assert (answer.status_code, problem["type"]) == (403, "/problems/forbidden")
                    assert problem["roles"] == sorted(admitted)


@pytest.mark.parametrize("name", SERVICES)
async def test_a_grant_reaches_its_campaigns_alone(name: str, issuer: LocalIssuer) -> None:
    elsewhere = issuer.bearer("administrator", jb_campaigns=["batu-2024"])
    here = issuer.bearer("administrator", jb_campaigns=["batu-2024", "malang-2024"])
    lines = table(name)
    app = built(name, issuer.url)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{name}") as http:
        for route in routes(app):
            if "{campaign}" in route and lines[route] != PUBLIC:
                assert (await ask(http, route, elsewhere)).status_code == 403, route
                assert (await ask(http, route, here)).status_code not in REFUSED, route


@pytest.mark.parametrize("name", SERVICES)
async def test_a_foreign_school_is_not_there(name: str, issuer: LocalIssuer) -> None:
    foreign, own = issuer.bearer("principal", jb_schools=["20599902"]), issuer.bearer("principal")
    both = issuer.bearer("principal", jb_roles=["principal", "head"], jb_schools=[])
    lines, app, asked = table(name), built(name, issuer.url), 0
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{name}") as http:
        for route in routes(app):
            if "{npsn}" in route and Role.PRINCIPAL in lines[route]:
                asked += 1
                assert (await ask(http, route, foreign)).status_code == 404, route
                assert (await ask(http, route, own)).status_code not in (404, *REFUSED), route
                assert (await ask(http, route, both)).status_code not in (404, *REFUSED), route
    assert asked == {"enrollment": 1, "scheduling": 0, "reporting": 2}[name]


@pytest.mark.parametrize("name", SERVICES)
async def test_without_an_issuer_all_is_open_but_to_a_proxy(name: str) -> None:
    app = built(name, None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{name}") as http:
        for route in routes(app):
            assert (await ask(http, route)).status_code not in REFUSED, route
        told = await http.get("/health/live", headers={"X-Forwarded-For": "203.0.113.7"})
    assert told.status_code == 403
    assert told.json()["detail"] == "A proxy asks, and the service has no issuer: set OIDC_ISSUER first."


@pytest.mark.parametrize("name", SERVICES)
async def test_the_document_says_who_may(name: str, issuer: LocalIssuer) -> None:
    document, lines = built(name, issuer.url).openapi(), table(name)
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            admitted = lines[f"{method.upper()} {path}"]
            assert operation["x-roles"] == sorted(admitted)
            assert operation["security"] == ([] if admitted == PUBLIC else [{"token": []}])
            assert admitted == PUBLIC or "403" in operation["responses"]
    assert "securitySchemes" not in built(name, None).openapi()["components"]


async def test_a_route_without_a_line_stops_the_start() -> None:
    app = create_app("Tiny", version="1")

    @app.get("/v1/secrets")
    async def secrets() -> None: ...

    with pytest.raises(Misconfigured, match="nobody has said who may use GET /v1/secrets"):
        Access().check(app)
    Access({"GET /v1/secrets": PUBLIC}).check(app)
    with pytest.raises(Misconfigured, match="not there: GET /v1/gone"):
        Access({"GET /v1/secrets": PUBLIC, "GET /v1/gone": may(Role.HEAD)}).check(app)


async def test_a_route_that_slipped_through_is_for_nobody(issuer: LocalIssuer) -> None:
    app = built("reporting", issuer.url)

    @app.get("/v1/secrets")
    async def secrets() -> None: ...

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://reporting") as http:
        answer = await http.get("/v1/secrets", headers=issuer.bearer("administrator"))
    assert (answer.status_code, answer.json()["detail"]) == (403, "This is for nobody.")


def test_the_page_shows_the_tables() -> None:
    done = subprocess.run(
        [sys.executable, "docs/matrix.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
