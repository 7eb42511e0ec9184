"""Coverage as CSV: the rows of the JSON answer, as a spreadsheet reads them, and nothing that it would run."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

import pytest

from tests.integration.reporting.conftest import Reporting
from tests.integration.reporting.world import CAMPAIGN, group, opened, recording, school, target

URL = f"/v1/campaigns/{CAMPAIGN}/coverage.csv"


@pytest.fixture
async def campaign(reporting: Reporting) -> Reporting:
    named = school(2).model_copy(update={"name": '=1+1, "Kedung"'})
    facts = [opened(), school(1), named, target(group(1), 4), target(group(2), 8)]
    assert await reporting.hear(*facts, recording(1, day=1), recording(2, day=2, group=group(2))) == []
    return reporting


async def table(campaign: Reporting, **query: Any) -> list[dict[str, str]]:
    answer = await campaign.http.get(URL, params=query)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.startswith("\ufeff")
    return list(csv.DictReader(StringIO(answer.text.removeprefix("\ufeff"))))


@pytest.mark.parametrize("by", ["group", "day", "kind", "domicile"])
async def test_the_table_has_the_rows_of_the_answer(campaign: Reporting, by: str) -> None:
    rows = (await campaign.get("/coverage", by=by, as_of="2024-10-02"))["rows"]
    lines = await table(campaign, by=by, as_of="2024-10-02")
    assert len(rows) == len(lines) > 0
    for row, line in zip(rows, lines, strict=True):
        assert row.keys() <= line.keys()
        assert [line[name].removeprefix("'") for name in row] == ["" if v is None else str(v) for v in row.values()]


async def test_a_name_that_is_a_formula_is_text(campaign: Reporting) -> None:
    names = {line["group"]: line["name"] for line in await table(campaign)}
    assert names[group(2)] == '\'=1+1, "Kedung"'


async def test_it_is_answered_as_the_json_is(campaign: Reporting) -> None:
    first = await campaign.http.get(URL)
    assert 'filename="coverage-group.csv"' in first.headers["content-disposition"]
    same = await campaign.http.get(URL, headers={"If-None-Match": first.headers["etag"]})
    assert same.status_code == 304
    assert (await campaign.http.get(URL, params={"by": "colour"})).status_code == 422
    assert (await campaign.http.get("/v1/campaigns/unknown/coverage.csv")).status_code == 404
