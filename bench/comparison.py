"""How long enrollment, at its start and after an outage, waits for its topics to be compared with its database.

A million revisions, half of persons and half of decisions, all of them on their topics: every partition's end is full.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaProducer
from cryptography.fernet import Fernet
from pydantic import SecretStr

import exactly_once
from chassis.db import create_pool
from chassis.migrate import Source, migrate
from contracts import golden
from contracts.envelope import Fact, headers_for
from contracts.generate import HOME
from contracts.topics import CATALOGUE, RECORDINGS, SUBMISSION_DECISIONS
from exactly_once import FactTable, KafkaSettings, OwnTopics
from exactly_once.provision import provision
from stack import LocalStack

LIMIT_SECONDS: Final = 5.0
ENDS: Final = 2500  # records of each partition that stand on the topic: more than are looked at
SCATTER: Final = 2_654_435_761  # ids are all over the index, as those of persons are
TABLES: Final = {
    RECORDINGS: ("person_revision", "person_id", "jemputbola.recording-completed.v1"),
    SUBMISSION_DECISIONS: ("decision_revision", "submission_id", "jemputbola.submission-decided.v1"),
}
FILL: Final = """
    INSERT INTO {table} (campaign, id, revision, known_at, type, data)
    SELECT $1, id, 1, now(), $2, $3::jsonb || jsonb_build_object($4::text, id)
      FROM generate_series(1, $5::int) AS n,
           LATERAL (SELECT lpad(to_hex(n * {scatter} % 4294967296), 8, '0') || '-0000-7000-8000-000000000000') AS t(id)
"""


@cache
def example(event_type: str) -> dict[str, Any]:
    value: dict[str, Any] = golden.read(HOME / "examples" / f"{event_type}.json").as_file["value"]
    return value | {"revision": 1}


async def fill(owner: asyncpg.Connection, rows: int) -> None:
    for table, id_field, event_type in TABLES.values():
        await owner.execute("SELECT exactly_once.create_fact_table($1)", table)
        value = example(event_type)
        await owner.execute(
            FILL.format(table=table, scatter=SCATTER),
            value["campaign"],
            event_type,
            json.dumps(value),
            id_field,
            rows,
            timeout=900,
        )


async def publish(servers: str) -> None:
    """The newest of them, spread over the partitions."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, linger_ms=20)
    await producer.start()
    for topic, (_, id_field, event_type) in TABLES.items():
        (model,) = (model for model in topic.types if model.type == event_type)
        for n in range(1, ENDS * topic.partitions + 1):
            event: Fact = model.model_validate(example_of(event_type, id_field, n))  # type: ignore[assignment]
            value = event.model_dump_json(exclude_none=True).encode()
            await producer.send(
                topic.name, value, headers=headers_for(event, "bench", value), partition=n % topic.partitions
            )
    await producer.stop()


def example_of(event_type: str, id_field: str, n: int) -> dict[str, Any]:
    return example(event_type) | {id_field: str(UUID(f"{n * SCATTER % 2**32:08x}-0000-7000-8000-000000000000"))}


async def bench(rows: int) -> int:
    with tempfile.TemporaryDirectory() as home, LocalStack(Path(home), services=False) as stack:
        settings = KafkaSettings(
            kafka_bootstrap_servers=stack.bootstrap_servers,
            dead_letter_key=SecretStr(Fernet.generate_key().decode()),
        )
        await provision(settings, CATALOGUE)
        database = stack.postgres.create_service_database("enrollment")
        await migrate(database.owner_url, [Source("exactly_once", exactly_once.migrations_dir())])
        owner = await asyncpg.connect(database.owner_url)
        await fill(owner, rows // len(TABLES))
        await owner.close()
        await publish(stack.bootstrap_servers)
        stack.postgres.kill()  # as after an outage: nothing of it is in memory
        stack.postgres.start()
        tables = [
            FactTable(table, *(model for model in topic.types if issubclass(model, Fact)))
            for topic, (table, _, _) in TABLES.items()
        ]
        async with create_pool(database.url, name="bench", max_size=2) as pool, pool.acquire() as connection:
            began = time.monotonic()
            try:
                await OwnTopics(settings, pool, tables).compare(connection)
                ended = ""
            except TimeoutError:
                ended = " (given up; the service begins again)"
            took = time.monotonic() - began
    print(f"\ncomparison of {rows:,} revisions with their topics after PostgreSQL was killed: {took:.2f} s{ended}")
    met = took < LIMIT_SECONDS and not ended
    print(f"  limit: {LIMIT_SECONDS:.0f} s: {'met' if met else 'NOT MET'}")
    return int(not met)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    sys.exit(asyncio.run(bench(parser.parse_args().rows)))


if __name__ == "__main__":
    main()
