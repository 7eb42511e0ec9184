"""Every route of every service refuses parameters that it does not read, and answers HEAD where it answers GET."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from importlib import import_module

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI

from chassis.access.table import routes
from chassis.parameters import ISSUERS
from tests.contract.services import SERVICES


def built(name: str) -> FastAPI:
    """The service's HTTP application; nothing is connected."""
    settings = import_module(f"{name}.settings").Settings(
        database_url="postgresql://nobody:nothing@127.0.0.1:1/none",
        http_port=0,
        kafka_bootstrap_servers="127.0.0.1:1",
        master_key=urlsafe_b64encode(bytes(32)).decode(),  # enrollment's; the others ignore it
        dead_letter_key=Fernet.generate_key().decode(),
    )
    app: FastAPI = import_module(f"{name}.app").build(settings).http
    return app


def address(path: str) -> str:
    return re.sub(r"{[^}]+}", "1", path)


@pytest.mark.parametrize("name", SERVICES)
async def test_no_route_takes_a_parameter_that_it_does_not_read(name: str) -> None:
    app = built(name)
    # Files, which nothing can be asked; and what an issuer calls with parameters of its own.
    there = set(routes(app)) - {"GET /static", *(f"GET {path}" for path in ISSUERS)}
    assert {"GET /health/live", "GET /openapi.json", "GET /v1/dead-letters"} <= there
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as http:
        for route in sorted(there):
            method, path = route.split()
            answer = await http.request(method, address(path), params={"as_off": "2024-11-08"})
            assert answer.status_code == 422, route
            assert "as_off" in answer.text, route


@pytest.mark.parametrize("name", SERVICES)
async def test_head_is_where_get_is(name: str) -> None:
    app = built(name)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as http:
        for path in sorted({address(route.split()[1]) for route in routes(app)} - {"/static"}):
            allowed = (await http.request("TRACE", path)).headers["allow"].split(", ")
            assert ("HEAD" in allowed) is ("GET" in allowed), path
        for path in ("/health/live", "/health/ready", "/metrics", "/openapi.json"):
            answer = await http.head(path)
            assert (answer.status_code, answer.content) in ((200, b""), (503, b"")), path
