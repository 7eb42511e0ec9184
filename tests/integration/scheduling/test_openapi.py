"""schemathesis over the service's OpenAPI, on a real database with a campaign in it: no 5xx, nothing undocumented."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import httpx
import pytest
import schemathesis
from hypothesis import settings as hypothesis_settings
from schemathesis.generation import GenerationMode
from schemathesis.schemas import BaseSchema

from chassis.http import create_app
from chassis.migrate import migrate
from chassis.run import HttpServer
from exactly_once import Batch
from scheduling.api import sets, visits
from scheduling.app import MIGRATIONS
from scheduling.consume import on_schools
from stack.postgres import Database
from tests.integration.scheduling.conftest import KNOWN_AT, NPSN, REPLAYED, listed, opened, parts, received, visit
from tests.servers import Servers

pytestmark = pytest.mark.xdist_group("scheduling-openapi")

VISIT_ID = "01930000-0000-7000-8000-000000000001"
# A well-formed request may meet something missing, a rule, another revision, or have an instant of another age.
EXPECTED = ["2xx", "404", "409", "412", "422"]


async def serve(database: Database, port: Future[int], stop: Future[None]) -> None:
    """The service on a real socket, with a campaign, until `stop`."""
    await migrate(database.owner_url, MIGRATIONS)
    app = parts(database)
    server = next(part for part in app.components["api"] if isinstance(part, HttpServer))
    async with app:
        async with app.pools[0].acquire() as tx, tx.transaction():
            await on_schools(tx, Batch([received(event) for event in (opened(), *(listed(npsn) for npsn in NPSN))]))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app.http), base_url="http://scheduling") as http:
            base = f"/v1/campaigns/{REPLAYED}"
            await http.put(f"{base}/sets/set-1", json={"known_at": KNOWN_AT})
            made = await http.post(f"{base}/visits", json=visit(visit_id=VISIT_ID))
            assert made.status_code == 201, made.text
        serving = asyncio.create_task(server.run())
        async with asyncio.timeout(30):
            while server.problems():
                await asyncio.sleep(0.01)
        port.set_result(server.port)
        await asyncio.wrap_future(stop)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@pytest.fixture(scope="module")
def address(stack: Servers) -> Iterator[str]:
    """Where the service is. It runs in a loop of its own: schemathesis is not asynchronous."""
    port: Future[int] = Future()
    stop: Future[None] = Future()
    with stack.postgres.fresh_database() as database:
        thread = threading.Thread(target=lambda: asyncio.run(serve(database, port, stop)))
        thread.start()
        try:
            yield f"http://127.0.0.1:{port.result(60)}"
        finally:
            stop.set_result(None)
            thread.join(30)


def openapi() -> BaseSchema:
    app = create_app("scheduling", version="1")
    for noun in (sets, visits):
        app.include_router(noun.router(None, None))  # type: ignore[arg-type]  (its document needs no database)
    config = schemathesis.Config.from_dict({"checks": {"positive_data_acceptance": {"expected-statuses": EXPECTED}}})
    return schemathesis.openapi.from_dict(app.openapi(), config=config)


def meet_the_campaign(case: schemathesis.Case) -> None:
    """Well-formed requests meet the campaign and the visit that are there, with a new key or none, on a day of service.

    A header that schemathesis garbles is left out.
    """
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    there = {"campaign": REPLAYED, "visit_id": VISIT_ID}
    case.path_parameters |= {name: there.get(name, value) for name, value in case.path_parameters.items()}
    tag = case.headers.get("if-match") if case.headers else None
    if tag is not None and not re.fullmatch(r'"[0-9]{1,18}"', str(tag)):
        del case.headers["if-match"]
    case.headers.pop("Idempotency-Key", None)
    if isinstance(case.body, dict):
        for name in ("campaign", "revision", "visit_id", "set_id"):
            case.body.pop(name, None)
        case.body |= {"known_at": KNOWN_AT} | ({"day": "2024-11-13"} if "day" in case.body else {})


schema = openapi()


@pytest.mark.properties
@schema.parametrize()
@hypothesis_settings(max_examples=25)
def test_schemathesis_finds_nothing(case: schemathesis.Case, address: str) -> None:
    meet_the_campaign(case)
    case.call_and_validate(base_url=address)
