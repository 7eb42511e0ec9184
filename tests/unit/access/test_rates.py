"""Whoever asks too often is told when to come again; nobody else is kept waiting."""

from __future__ import annotations

import httpx
import pytest

from chassis.access.rates import MINUTE, REMEMBERED, Rates
from chassis.problems import Problem
from tests.issuer import LocalIssuer
from tests.unit.access.services import ADMITTED, SERVICES, built, table

ROUTE = "GET /dear"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def refused(rates: Rates, caller: str) -> str:
    with pytest.raises(Problem) as caught:
        rates.take(ROUTE, caller)
    assert caught.value.kind.status == 429
    return caught.value.headers["Retry-After"]


def test_a_bucket_is_emptied_at_once_and_fills_in_a_minute() -> None:
    clock = Clock()
    rates = Rates({ROUTE: 6}, clock=clock)
    for _ in range(6):
        rates.take(ROUTE, "a")
    assert refused(rates, "a") == "10"
    rates.take(ROUTE, "b")
    rates.take("GET /cheap", "a")
    clock.now += 9
    assert refused(rates, "a") == "1"
    clock.now += 1
    rates.take(ROUTE, "a")
    assert refused(rates, "a") == "10"
    clock.now += 10 * MINUTE
    for _ in range(6):
        rates.take(ROUTE, "a")
    refused(rates, "a")


def test_many_callers_do_not_fill_the_memory() -> None:
    clock = Clock()
    rates = Rates({ROUTE: 1}, clock=clock)
    for number in range(REMEMBERED + 10):
        rates.take(ROUTE, str(number))
    assert len(rates._buckets) <= REMEMBERED
    clock.now += MINUTE - 1
    rates.take(ROUTE, "last")
    clock.now += 1
    for number in range(REMEMBERED - len(rates._buckets)):
        rates.take(ROUTE, f"{number}-")
    rates.take(ROUTE, "one more")
    assert refused(rates, "last")


async def test_each_caller_has_a_bucket_of_their_own(issuer: LocalIssuer) -> None:
    app = built("reporting", issuer.url)
    app.state.access.rates = Rates({"GET /v1/campaigns/{campaign}/coverage": 2})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://reporting") as http:

        async def asked(role: str | None) -> httpx.Response:
            headers = issuer.bearer(role) if role else {}
            return await http.get("/v1/campaigns/malang-2024/coverage", headers=headers)

        for who in (None, "head", "auditor"):
            assert [(await asked(who)).status_code for _ in range(3)] == [ADMITTED, ADMITTED, 429], who
        told = await asked(None)
    assert told.json()["type"] == "/problems/busy"
    assert told.headers["retry-after"] == "30"


@pytest.mark.parametrize("name", SERVICES)
async def test_every_rate_is_of_a_route_that_is_there(name: str, issuer: LocalIssuer) -> None:
    assert built(name, issuer.url).state.access.rates.per_minute.keys() <= table(name).keys()
