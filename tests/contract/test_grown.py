"""A contract grows by an optional field: what was sent before is sent again, as it was and as its owner says it now.

After every golden example has been applied, every event is grown in place, as a release would, and each example comes
again in its old bytes and in those of the grown event. None is a conflict, none is kept twice; other content still is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from contracts.envelope import Fact
from contracts.topics import CATALOGUE, TOPIC_OF
from tests.contract.services import SERVICES, Service, service
from tests.contract.test_examples import Example, examples, send
from tests.servers import Servers

GROWN = {"note": FieldInfo(annotation=str | None, default=None), "flag": FieldInfo(annotation=bool, default=False)}
FACTS = [model for model in TOPIC_OF if issubclass(model, Fact)]


@pytest.fixture
def grown() -> Iterator[Any]:
    """Call it, and every fact has two optional fields more: one that is left out, one with a default that is told."""

    def grow() -> None:
        for model in FACTS:
            model.__pydantic_fields__.update(GROWN)
            model.model_rebuild(force=True)

    yield grow
    for model in FACTS:
        for name in GROWN:
            model.__pydantic_fields__.pop(name, None)
        model.model_rebuild(force=True)


def facts(name: str) -> list[Example]:
    read = {topic.name for topic in CATALOGUE if name in topic.readers and issubclass(topic.types[0], Fact)}
    return [record for record in examples().values() if record["topic"] in read]


def said_now(record: Example) -> Example:
    """As its owner publishes it now: in the words of the grown event."""
    model = next(model for model in FACTS if model.type == record["headers"]["ce_type"])
    value = json.loads(model.model_validate(record["value"]).model_dump_json(exclude_none=True))
    assert value["flag"] is False and "note" not in value
    return {**record, "value": value}


async def kept(running: Service) -> dict[str, int]:
    """How many rows each table of the service has."""
    tables = await running.pool.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname IN ($1, 'public') AND tablename NOT IN ('watermark_mark', 'dead_letter')",
        running.name,
    )
    return {row["name"]: await running.pool.fetchval(f"SELECT count(*) FROM {row['name']}") for row in tables}


@pytest.mark.parametrize("name", [name for name in SERVICES if facts(name)])
async def test_what_was_sent_before_comes_again_after_a_contract_grew(
    name: str, stack: Servers, topic_prefix: str, grown: Any
) -> None:
    records = facts(name)
    sent = await send(stack.bootstrap_servers, topic_prefix, records)
    with stack.postgres.fresh_database(name) as database:
        async with service(name, database, stack.bootstrap_servers, topic_prefix) as running:
            await running.consume(sent)
            before = await kept(running)
            assert await running.dead_letters() == []
        grown()
        async with service(name, database, stack.bootstrap_servers, topic_prefix) as running:
            again = await send(stack.bootstrap_servers, topic_prefix, [*records, *map(said_now, records)])
            await running.consume({topic: n + sent[topic] for topic, n in again.items()})
            assert await running.dead_letters() == []
            assert await kept(running) == before


@pytest.mark.parametrize("name", [name for name in SERVICES if facts(name)])
async def test_other_content_is_a_conflict_before_and_after(
    name: str, stack: Servers, topic_prefix: str, grown: Any
) -> None:
    grown()
    records = facts(name)
    lies = [{**record, "value": {**record["value"], **lie(record)}} for record in records]
    sent = await send(stack.bootstrap_servers, topic_prefix, [*records, *lies])
    with stack.postgres.fresh_database(name) as database:
        async with service(name, database, stack.bootstrap_servers, topic_prefix) as running:
            await running.consume(sent)
            letters = await running.dead_letters()
            assert [letter.reason for letter in letters] == ["revision_conflict"] * len(records)


def lie(record: Example) -> dict[str, Any]:
    """Another content under the same revision."""
    value = record["value"]
    if "outcome" in value:
        return {"outcome": "held" if value["outcome"] != "held" else "counted"}
    field = next(name for name in ("reason", "name", "source", "place", "cause") if name in value)
    return {field: "voided_twice" if field == "cause" else "Lain sama sekali"}
