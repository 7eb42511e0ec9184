"""A service is there under its own names alone: to a page elsewhere that has another name for it, it says 421."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest
from pydantic import ValidationError

from chassis.http import create_app
from tests.unit.access.services import ADMITTED, SERVICES, built, settings
from tests.unit.access.test_settings import ENVIRONMENT

CONNECTED_TO = "10.1.2.3"
OURS = [
    *("terekam.example", "TEREKAM.example:443", "localhost", "localhost:8001", "127.0.0.1:8001", "127.9.9.9"),
    *("[::1]", "[::1]:8001", CONNECTED_TO, f"{CONNECTED_TO}:8001"),
]
FOREIGN = [
    *("evil.example", "terekam.example.evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.1.2.4"),
    *("", "x@terekam.example", "terekam.example/x", "terekam.example:x", "[::1", "terekam.example, evil.example"),
]


async def ask(app: object, *hosts: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{CONNECTED_TO}") as http:
        request = http.build_request("GET", "/health/live")
        request.headers = httpx.Headers([("host", host) for host in hosts])
        return await http.send(request)


@pytest.mark.parametrize("host", OURS)
async def test_by_its_own_names(host: str) -> None:
    app = create_app("Tiny", version="1", hosts=frozenset({"terekam.example"}))
    assert (await ask(app, host)).status_code == 200


@pytest.mark.parametrize("hosts", [[], ["localhost", "evil.example"], *([host] for host in FOREIGN)])
async def test_by_any_other(hosts: list[str]) -> None:
    answer = await ask(create_app("Tiny", version="1", hosts=frozenset({"terekam.example"})), *hosts)
    assert (answer.status_code, answer.headers["content-type"]) == (421, "application/problem+json")
    assert answer.json()["type"] == "/problems/misdirected-request"
    assert "evil" not in answer.text


@pytest.mark.parametrize("name", SERVICES)
async def test_no_service_is_there_under_a_foreign_name(name: str) -> None:
    app = built(name, None)
    assert (await ask(app, "evil.example")).status_code == 421
    assert (await ask(app, "localhost")).status_code == ADMITTED


def test_the_names_are_those_of_the_settings() -> None:
    told = settings("reporting", http_host="192.168.1.7", http_hosts="Terekam.example, reporting,,")
    assert told.hosts == {"192.168.1.7", "terekam.example", "reporting"}
    public = settings("reporting", public_url="https://Terekam.example:8443/pages")
    assert public.hosts == {"127.0.0.1", "terekam.example"}


@pytest.mark.parametrize("url", ["terekam.example", "https://[", "ftp://terekam.example"])
def test_where_browsers_see_it_is_an_address(url: str) -> None:
    with pytest.raises(ValidationError, match="must be an address like https"):
        settings("reporting", public_url=url)


@pytest.mark.parametrize("hosts", ["https://terekam.example", "terekam.example:443", "*", "a b", "x@y"])
def test_what_is_no_name_is_a_wrong_configuration(hosts: str) -> None:
    command = [sys.executable, "-m", "reporting", "serve"]
    env = ENVIRONMENT | {"REPORTING_HTTP_PORT": "0", "REPORTING_HTTP_HOSTS": hosts}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    (line,) = done.stderr.splitlines()
    assert line.startswith("reporting: REPORTING_HTTP_HOSTS is wrong: must be names or addresses")
    assert done.returncode == 78
