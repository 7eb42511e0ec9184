"""A lean exactly-once consumer on the same libraries: the yardstick of what the service's promises cost.

Batches of FastStream, one statement a batch, the positions in its transaction. It keeps the latest revision of each
person and the counts of groups and days, and trusts every record: no contract, dead letter, history, guard, metrics.

    python -m bench.lean BOOTSTRAP_SERVERS DATABASE_URL
"""

import asyncio
import sys
from datetime import date
from itertools import groupby
from typing import Any

import asyncpg
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, TopicPartition
from pydantic_core import from_json

from bench.backlog import truth
from contracts.topics import RECORDINGS
from exactly_once import Pool
from exactly_once.consumer import _as_it_came, _the_records

TABLES = """
CREATE SCHEMA lean;
CREATE TABLE lean.position (partition int PRIMARY KEY, next_offset bigint NOT NULL);
CREATE TABLE lean.person (
    person_id uuid PRIMARY KEY, revision int NOT NULL, recorded_on date NOT NULL, counts boolean NOT NULL,
    "group" text COLLATE "C" NOT NULL
) WITH (fillfactor = 70);
CREATE TABLE lean.day (
    recorded_on date NOT NULL, "group" text COLLATE "C" NOT NULL, n bigint NOT NULL, PRIMARY KEY (recorded_on, "group")
) WITH (fillfactor = 50);
"""
APPLY = """
WITH moved AS (
    UPDATE lean.position AS position SET next_offset = move.next_offset
      FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS move (partition, expected, next_offset)
     WHERE position.partition = move.partition AND position.next_offset = move.expected
    RETURNING 1),
changed AS (
    INSERT INTO lean.person AS latest (person_id, revision, counts, "group", recorded_on)
    SELECT * FROM unnest($4::text[]::uuid[], $5::int[], $6::bool[], $7::text[], $8::date[])
    ON CONFLICT (person_id) DO UPDATE
       SET revision = excluded.revision, counts = excluded.counts, "group" = excluded."group",
           recorded_on = excluded.recorded_on
     WHERE excluded.revision > latest.revision
    RETURNING new.counts, new."group", new.recorded_on,
              old.counts AS old_counts, old."group" AS old_group, old.recorded_on AS old_recorded_on),
counted AS (
    INSERT INTO lean.day AS day (recorded_on, "group", n)
    SELECT recorded_on, "group", sum(n)
      FROM (SELECT recorded_on, "group", 1 AS n FROM changed WHERE counts
            UNION ALL SELECT old_recorded_on, old_group, -1 FROM changed WHERE old_counts) AS part
     GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2
    ON CONFLICT (recorded_on, "group") DO UPDATE SET n = day.n + excluded.n)
SELECT count(*) FROM moved
"""


async def prepare(owner_url: str) -> None:
    """Makes its tables."""
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute(TABLES)
        rows = [(partition, 0) for partition in range(RECORDINGS.partitions)]
        await connection.executemany("INSERT INTO lean.position VALUES ($1, $2)", rows)
    finally:
        await connection.close()


async def applied(pool: Pool) -> int:
    """How many records of the backlog are in its tables."""
    done: int = await pool.fetchval("SELECT coalesce(sum(next_offset), 0)::bigint FROM lean.position")
    return done


async def right(pool: Pool) -> bool:
    """Whether every group's every day is what a plain fold says."""
    rows = await pool.fetch('SELECT "group", recorded_on, n FROM lean.day WHERE n <> 0')
    return {(row["group"], row["recorded_on"]): row["n"] for row in rows} == dict(truth())


async def apply(pool: Pool, records: tuple[Any, ...]) -> None:
    """One batch, in one transaction. Raises RuntimeError when somebody else has moved a position."""
    moves = [(number, part[0].offset, part[-1].offset + 1) for number, part in _by_partition(records)]
    newest: dict[str, dict[str, Any]] = {}
    for record in records:
        event = from_json(record.value)
        kept = newest.get(event["person_id"])
        if kept is None or kept["revision"] < event["revision"]:
            newest[event["person_id"]] = event
    events = [newest[person_id] for person_id in sorted(newest)]
    async with pool.acquire() as tx, tx.transaction():
        moved = await tx.fetchval(
            APPLY,
            *map(list, zip(*moves, strict=True)),
            [event["person_id"] for event in events],
            [event["revision"] for event in events],
            [event["counts"] for event in events],
            [event["group"] for event in events],
            [date.fromisoformat(event["recorded_on"]) for event in events],
        )
        if moved != len(moves):
            raise RuntimeError("a position is not where this batch began")


def _by_partition(records: tuple[Any, ...]) -> list[tuple[int, list[Any]]]:
    return [(number, list(part)) for number, part in groupby(records, lambda record: record.partition)]


async def main(servers: str, database_url: str) -> None:
    broker = KafkaBroker(servers, logger=None, apply_types=False)
    subscriber = broker.subscriber(
        partitions=[TopicPartition(RECORDINGS.name, number) for number in range(RECORDINGS.partitions)],
        batch=True,
        max_records=5000,
        batch_timeout_ms=10,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
        parser=_as_it_came,
        decoder=_the_records,
    )
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as pool:

        @subscriber
        async def on_batch(records: Any) -> None:
            await apply(pool, records)

        async with broker:
            await broker.start()
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
