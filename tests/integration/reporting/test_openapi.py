"""schemathesis over the service's OpenAPI, on a real database with a campaign in it: no 5xx, nothing undocumented."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
import schemathesis
from hypothesis import settings as hypothesis_settings
from schemathesis.generation import GenerationMode
from schemathesis.schemas import BaseSchema

from chassis.http import create_app
from reporting.api import campaigns, coverage, facts, stream
from stack.postgres import Database
from tests.integration.reporting.test_stream import serving
from tests.integration.reporting.world import (
    CAMPAIGN,
    group,
    opened,
    recording,
    school,
    statement,
    target,
    visit,
)  # fmt: skip
from tests.servers import Servers

pytestmark = pytest.mark.xdist_group("reporting-openapi")

EXPECTED = ["2xx", "404", "422"]


async def serve(database: Database, port: Future[str], stop: Future[None]) -> None:
    """The service on a real socket, with a campaign, until `stop`."""
    async with serving(database) as served:
        await served.hear(
            opened(), school(1), target("campaign", 9), target(group(1), 4), statement(1, 7), visit(1),
            *(recording(number) for number in range(5)),
        )  # fmt: skip
        port.set_result(served.url)
        await asyncio.wrap_future(stop)


@pytest.fixture(scope="module")
def address(stack: Servers, reporting_template: Database) -> Iterator[str]:
    """Where the service is. It runs in a loop of its own: schemathesis is not asynchronous."""
    url: Future[str] = Future()
    stop: Future[None] = Future()
    with stack.postgres.fresh_database("reporting", template=reporting_template.name) as database:
        thread = threading.Thread(target=lambda: asyncio.run(serve(database, url, stop)))
        thread.start()
        try:
            yield url.result(60)
        finally:
            stop.set_result(None)
            thread.join(30)


def openapi() -> BaseSchema:
    app = create_app("reporting", version="1")
    for made in (campaigns, coverage, facts, stream):
        app.include_router(made.router(None))  # type: ignore[arg-type]
    config = schemathesis.Config.from_dict({"checks": {"positive_data_acceptance": {"expected-statuses": EXPECTED}}})
    # The stream never ends: test_stream.py hears it.
    return schemathesis.openapi.from_dict(app.openapi(), config=config).exclude(path_regex="/stream$")


schema = openapi()


@pytest.mark.properties
@schema.parametrize()
@hypothesis_settings(max_examples=40)
def test_schemathesis_finds_nothing(case: schemathesis.Case, address: str) -> None:
    if case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE and case.path_parameters:
        case.path_parameters["campaign"] = CAMPAIGN  # well-formed questions are about the campaign that is there
        if "npsn" in case.path_parameters:
            case.path_parameters["npsn"] = group(1).removeprefix("npsn:")
    case.call_and_validate(base_url=address)
