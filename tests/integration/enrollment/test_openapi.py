"""schemathesis over the service's OpenAPI, on a real database with a campaign in it: no 5xx, nothing undocumented."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from schemathesis.generation import GenerationMode
from schemathesis.schemas import BaseSchema

from chassis.run import HttpServer
from enrollment.app import build
from stack.postgres import Database
from tests.integration.enrollment.conftest import service_settings
from tests.integration.enrollment.world import CAMPAIGN, World, at, entered
from tests.servers import Servers
from tests.unit.access.services import built

pytestmark = pytest.mark.xdist_group("enrollment-openapi")

# A well-formed request may meet something missing, a rule, or another revision.
EXPECTED = ["2xx", "404", "409", "412", "422"]


@dataclass
class Served:
    """The service on a real socket, in a loop of its own: schemathesis is not asynchronous."""

    address: str = ""
    person_id: str = ""
    submission_id: str = ""


async def serve(database: Database, bootstrap_servers: str, ready: Future[Served], stop: Future[None]) -> None:
    """With a campaign, a device and a person, until `stop`."""
    settings = service_settings(database, bootstrap_servers)
    app = build(settings)
    server = next(part for part in app.components["api"] if isinstance(part, HttpServer))
    async with entered(app, settings) as world:
        served = await furnish(world)
        serving = asyncio.create_task(server.run())
        async with asyncio.timeout(30):
            while server.problems():
                await asyncio.sleep(0.01)
        served.address = f"http://127.0.0.1:{server.port}"
        ready.set_result(served)
        await asyncio.wrap_future(stop)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def furnish(world: World) -> Served:
    await world.open(clock="live")
    counter = await world.counter()
    first, second = (counter.submission(recorded_at=at(day), birth_date="2000-01-01") for day in (1, 2))
    await world.handle(first, second)
    return Served(person_id=await world.person_id(first), submission_id=first.event.submission_id)


@pytest.fixture(scope="module")
def served(stack: Servers, template: Database) -> Iterator[Served]:
    ready: Future[Served] = Future()
    stop: Future[None] = Future()

    def run(database: Database) -> None:
        try:
            asyncio.run(serve(database, stack.bootstrap_servers, ready, stop))
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    with stack.postgres.fresh_database("enrollment", template=template.name) as database:
        thread = threading.Thread(target=run, args=(database,))
        thread.start()
        try:
            yield ready.result(60)
        finally:
            stop.set_result(None)
            thread.join(30)


def openapi() -> BaseSchema:
    """The document needs no database."""

    async def document() -> dict[str, Any]:
        return built("enrollment", None).openapi()

    config = schemathesis.Config.from_dict({"checks": {"positive_data_acceptance": {"expected-statuses": EXPECTED}}})
    return schemathesis.openapi.from_dict(asyncio.run(document()), config=config)


schema = openapi()


@pytest.mark.properties
@schema.parametrize()
@hypothesis_settings(
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
def test_every_address_does_what_it_says(case: schemathesis.Case, served: Served) -> None:
    meet_what_is_there(case, served)
    case.call_and_validate(base_url=served.address)


def meet_what_is_there(case: schemathesis.Case, served: Served) -> None:
    """Well-formed requests meet the campaign and the person; a header that schemathesis garbles is left out."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    there = {"campaign": CAMPAIGN, "person_id": served.person_id, "device_id": "mpp-1"}
    for name in case.path_parameters or {}:
        case.path_parameters[name] = there.get(name, case.path_parameters[name])
    tag = case.headers.get("if-match") if case.headers else None
    if tag is not None and not re.fullmatch(r'"[0-9]{1,18}(\.[0-9]{1,18})?"', str(tag)):
        del case.headers["if-match"]
    if isinstance(case.body, dict):
        case.body.pop("known_at", None)  # the campaign is live
        case.body.pop("revision", None)
        if "campaign" in case.body:
            case.body["campaign"] = CAMPAIGN


def test_the_document_says_where_everything_is(served: Served) -> None:
    """The addresses that others rely on, in the running service and in what was tried above."""
    document = httpx.get(f"{served.address}/openapi.json").json()
    assert document["paths"] == schema.raw_schema["paths"]
    assert document["openapi"].startswith("3.1")
    base = "/v1/campaigns/{campaign}"
    for method, path in [
        ("put", base),
        ("put", f"{base}/schools/{{npsn}}"),
        ("post", f"{base}/schools:batch"),
        ("post", f"{base}/statements"),
        ("get", f"{base}/statements"),
        ("post", f"{base}/targets"),
        ("get", f"{base}/targets"),
        ("get", f"{base}/submissions/{{submission_id}}"),
        ("post", f"{base}/recordings/{{person_id}}/void"),
        ("post", f"{base}/recordings/{{person_id}}/restore"),
        ("post", f"{base}/recordings/{{person_id}}/reattribute"),
        ("post", "/v1/devices"),
        ("get", "/v1/keyset"),
        ("get", "/v1/devices/{device_id}/decisions"),
        ("get", "/v1/dead-letters"),
        ("get", "/v1/audit"),
    ]:
        assert method in document["paths"][path], (method, path)
