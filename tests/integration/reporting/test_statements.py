"""How many statements a question costs: each fact is read once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from tests.integration.reporting.conftest import Reporting
from tests.integration.reporting.test_answers import END_OF_3, progress
from tests.integration.reporting.world import (
    CAMPAIGN,
    at,
    decided,
    group,
    opened,
    recording,
    school,
    target,
    visit,
)  # fmt: skip

API, PAGE = f"/v1/campaigns/{CAMPAIGN}", f"/campaigns/{CAMPAIGN}"
THEN = f"known_at={END_OF_3.replace('+', '%2B')}"


@asynccontextmanager
async def counting(reporting: Reporting) -> AsyncIterator[list[str]]:
    """The statements that the API's connections sent, but for those that begin and end the transaction."""
    sent: list[str] = []

    def log(record: object) -> None:
        query = str(getattr(record, "query", "")).strip()
        if not query.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            sent.append(query)

    async with reporting.app.pools[0].acquire() as connection:  # the pool has this one alone, and gives it out again
        raw = connection._con
    raw.add_query_logger(log)
    try:
        yield sent
    finally:
        raw.remove_query_logger(log)


@pytest.mark.parametrize(
    ("url", "most"),
    [
        (PAGE, 5), (f"{PAGE}?as_of=2024-10-03", 5), (f"{PAGE}?{THEN}", 6),
        (f"{API}/coverage", 3), (f"{API}/coverage?by=day&as_of=2024-10-03", 3), (f"{API}/coverage?{THEN}", 4),
        (f"{API}/late", 3), (f"{API}/schools", 3), (f"{API}/schools?{THEN}", 4),
        (f"{API}/schools/{group(1)[5:]}", 3), (f"{API}/schools/{group(1)[5:]}/days", 3),
        (f"{API}/targets", 2), (f"{API}/statements", 2), (f"{API}/visits", 2),
    ],
)  # fmt: skip
async def test_a_question_costs_few_statements(reporting: Reporting, url: str, most: int) -> None:
    await reporting.hear(
        opened(clock="live"), school(1), target("campaign", 9), target(group(1), 4, counting_from="2024-10-01"),
        recording(1), recording(2, group=group(2), day=2), visit(1), decided(1, "counted"),
    )  # fmt: skip
    await progress(reporting.pool, at(4) + timedelta(hours=1))
    await reporting.http.get(url)  # the first call learns about types
    async with counting(reporting) as sent:
        assert (await reporting.http.get(url)).status_code == 200
    assert len(sent) == most, sent


async def test_an_answer_that_the_client_has_costs_one_statement(reporting: Reporting) -> None:
    await reporting.hear(opened(), recording(1))
    tag = (await reporting.http.get(f"{API}/coverage")).headers["etag"]
    async with counting(reporting) as sent:
        assert (await reporting.http.get(f"{API}/coverage", headers={"If-None-Match": tag})).status_code == 304
    assert len(sent) == 1, sent
