"""The log is not what it was: truncated, rewound, re-created, grown. The guard says so and nothing is skipped."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from aiokafka.admin import NewPartitions, RecordsToDelete
from aiokafka.structs import TopicPartition

from contracts.topics import RECORDINGS
from exactly_once import KafkaSettings, OwnTopics, Verdict, position
from exactly_once.provision import admin, provision
from tests.ledger import KEPT, consuming, ledger_consumer, recording, send
from tests.support import until

pytestmark = pytest.mark.faults


async def applied(pool: asyncpg.Pool, count: int) -> None:
    await until(lambda: pool.fetchval("SELECT n >= $1 FROM total", count))


async def verdict_of(task: asyncio.Task[None], match: str) -> None:
    await asyncio.wait([task], timeout=30)
    with pytest.raises(Verdict, match=match):
        task.result()


async def delete(settings: KafkaSettings) -> None:
    async with admin(settings) as client:
        await client.delete_topics([settings.topic_prefix + RECORDINGS.name])

        async def gone() -> bool:
            return settings.topic_prefix + RECORDINGS.name not in await client.list_topics()

        await until(gone)


async def recreate(settings: KafkaSettings) -> None:
    await delete(settings)
    await provision(settings, [RECORDINGS])


async def begins_later(settings: KafkaSettings, at_least: int) -> None:
    """Deletes the records before the end of each partition that has any."""
    async with admin(settings) as client:
        name = settings.topic_prefix + RECORDINGS.name
        await client.delete_records(
            {TopicPartition(name, number): RecordsToDelete(at_least) for number in range(RECORDINGS.partitions)}
        )


async def test_a_topic_re_created_while_it_is_read(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    await send(settings, [recording(number) for number in range(60)])
    async with consuming(ledger_consumer(settings, pool)) as task:
        await applied(pool, 60)
        await until(lambda: pool.fetchval("SELECT count(*) = 6 FROM exactly_once.position WHERE anchor_id IS NOT NULL"))
        await recreate(settings)
        await send(settings, [recording(number) for number in range(1000, 1600)])
        await verdict_of(task, "re-created")


async def test_a_topic_re_created_while_nobody_reads(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    await send(settings, [recording(number) for number in range(60)])
    async with consuming(ledger_consumer(settings, pool)):
        await applied(pool, 60)
    await recreate(settings)
    await send(settings, [recording(number) for number in range(1000, 1600)])
    async with consuming(ledger_consumer(settings, pool)) as task:
        await verdict_of(task, "re-created")
    assert await pool.fetchval("SELECT n FROM total") == 60


async def test_a_topic_re_created_empty(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    await send(settings, [recording(number) for number in range(60)])
    async with consuming(ledger_consumer(settings, pool)) as task:
        await applied(pool, 60)
        await recreate(settings)
        await verdict_of(task, "the log ends at 0: the topic was rewound or re-created")


async def test_after_a_verdict_a_person_says_from_where_to_go_on(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    await send(settings, [recording(number) for number in range(60)])
    async with consuming(ledger_consumer(settings, pool)):
        await applied(pool, 60)
    await recreate(settings)
    await send(settings, [recording(number) for number in range(1000, 1060)])
    async with pool.acquire() as tx:
        for partition in range(RECORDINGS.partitions):
            await position.decide(tx, RECORDINGS.name, partition, 0, "the cluster was made anew")
    async with consuming(ledger_consumer(settings, pool)):
        await applied(pool, 120)
    assert await pool.fetchval("SELECT count(*) FROM exactly_once.position_decision WHERE from_offset > 0") > 0


async def test_a_topic_truncated_before_it_was_read(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    await send(settings, [recording(number) for number in range(60)])
    async with consuming(ledger_consumer(settings, pool)):
        await applied(pool, 60)
    await send(settings, [recording(number) for number in range(60, 1000)])
    await begins_later(settings, 50)
    async with consuming(ledger_consumer(settings, pool)) as task:
        await verdict_of(task, "the log begins at 50: records in between were truncated unread")
    assert await pool.fetchval("SELECT n FROM total") == 60


async def test_what_was_read_may_be_truncated(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    """Retention deletes what is applied: that is no reason to stop."""
    await send(settings, [recording(number) for number in range(600)])
    async with consuming(ledger_consumer(settings, pool)):
        await applied(pool, 600)
    await begins_later(settings, 50)
    await send(settings, [recording(number) for number in range(600, 700)])
    async with consuming(ledger_consumer(settings, pool)):
        await applied(pool, 700)


async def test_partitions_are_added(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    async with consuming(ledger_consumer(settings, pool)):
        await send(settings, [recording(number) for number in range(100)])
        await applied(pool, 100)
        async with admin(settings) as client:
            grown: Any = {settings.topic_prefix + RECORDINGS.name: NewPartitions(total_count=9)}
            await client.create_partitions(grown)
        await send(settings, [recording(number) for number in range(100, 400)])
        await applied(pool, 400)
    assert await pool.fetchval("SELECT count(*) FROM ledger WHERE applied <> 1") == 0


async def test_own_topics_that_are_not_there_for_a_moment_are_waited_for(
    settings: KafkaSettings, pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    """As a broker says that has just begun and does not know them yet."""
    own = OwnTopics(settings, pool, [KEPT])
    async with consuming(own) as comparing:

        async def compared() -> bool:
            return own.compared or comparing.done()

        async def missed() -> bool:
            return "cannot be compared yet" in caplog.text or comparing.done()

        await until(compared)
        await delete(settings)
        own.invalidate()
        await until(missed)
        assert not comparing.done(), comparing.exception()
        await provision(settings, [RECORDINGS])
        await until(compared)
        assert own.compared
