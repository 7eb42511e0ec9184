"""What relays tell is checked: nothing is final by one record, whatever it says, and true marks heal what was wrong."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import ConsumerRecord

from contracts.envelope import encode
from contracts.progress import ProgressMade
from contracts.topics import CATALOGUE, PROGRESS
from exactly_once import Batch, Received
from reporting.projection import progress
from reporting.projection.progress import FACT_TOPICS
from tests.integration.reporting.conftest import Reporting
from tests.integration.reporting.world import at, opened, recording

OWNERS = {topic.name: topic.owner for topic in CATALOGUE}
KNOWN_AT = "2024-10-03T23:59:59+07:00"
END_OF_TIME = datetime(2099, 1, 1, tzinfo=UTC)


class Relays:
    """What stands on `progress`: each record at the next offset, appended when it is told unless it says otherwise."""

    def __init__(self, reporting: Reporting) -> None:
        self.reporting, self.offset = reporting, 0

    def record(
        self, topic: str, through: datetime, end: int = 0, *, partition: int = 0, owner: str | None = None,
        appended: datetime | None = None,
    ) -> Received[ProgressMade]:  # fmt: skip
        self.offset += 1
        event = ProgressMade(topic=topic, partition=partition, through=through, end_offset=end)
        message = encode(event, owner or OWNERS[topic])
        record = ConsumerRecord(
            PROGRESS.name, 0, self.offset, int((appended or through).timestamp() * 1000), 1, message.key,
            message.value, None, len(message.key), len(message.value), tuple(message.headers),
        )  # fmt: skip
        return Received(event, record)

    async def hear(self, *records: Received[ProgressMade]) -> list[str]:
        """Hands them to the handler and keeps what it rejects, as the consumer does; why each was."""
        batch = Batch(list(records))
        async with self.reporting.pool.acquire() as tx, tx.transaction():
            await progress.merge(tx, batch)
            for fault in batch.faults:
                await tx.execute(
                    "INSERT INTO exactly_once.dead_letter"
                    ' (topic, partition, "offset", logged_at, record_hash, reason, detail, sealed)'
                    " VALUES ('progress', 0, $1, now(), '', $2, $3, '')",
                    fault.record.offset,
                    fault.reason,
                    fault.detail,
                )
        return [fault.reason for fault in batch.faults]

    async def tell(self, *instants: datetime, topics: Iterable[str] = FACT_TOPICS) -> None:
        """Every relay tells of each of its topics, once for each instant."""
        for through in instants:
            assert await self.hear(*(self.record(topic, through) for topic in topics)) == []

    async def through(self) -> str | None:
        answer = await self.reporting.get("/coverage", known_at=KNOWN_AT)
        return answer["complete_through"] if not answer["final"] else "final"


@pytest.fixture
async def relays(reporting: Reporting) -> Relays:
    """A live campaign, and a position in one partition of every topic."""
    await reporting.hear(opened(clock="live"), recording(1))
    await reporting.pool.executemany(
        "INSERT INTO exactly_once.position (topic, partition, next_offset) VALUES ($1, 0, 10)",
        [(topic,) for topic in FACT_TOPICS],
    )
    return Relays(reporting)


async def test_a_mark_beyond_the_append_time_of_its_own_record_is_refused(relays: Relays) -> None:
    await relays.tell(at(2), at(2, 9))
    lies = [relays.record(topic, END_OF_TIME, appended=at(2, 9)) for topic in FACT_TOPICS]
    assert await relays.hear(*lies) == ["beyond_append_time"] * len(FACT_TOPICS)
    assert await relays.through() == "2024-10-02T01:00:00Z"


async def test_the_clock_of_the_database_may_be_a_little_ahead_and_the_brokers_holds(relays: Relays) -> None:
    appended = at(2, 8)
    for _ in range(2):
        early = [relays.record(topic, at(2, 8, 2), appended=appended) for topic in FACT_TOPICS]
        assert await relays.hear(*early) == ["beyond_append_time"] * len(FACT_TOPICS)
        await relays.reporting.pool.execute("DELETE FROM exactly_once.dead_letter")
    near = appended + timedelta(seconds=30)
    for _ in range(2):
        assert await relays.hear(*(relays.record(topic, near, appended=appended) for topic in FACT_TOPICS)) == []
    assert await relays.through() == "2024-10-02T01:00:00Z"


async def test_nothing_is_final_by_one_record(relays: Relays) -> None:
    """A stranger who writes one for each partition, as true as it can look, moves nothing; the relay's next do."""
    await relays.tell(at(2), at(3))
    assert await relays.through() == "2024-10-02T01:00:00Z"
    await relays.tell(at(5))
    assert await relays.through() == "2024-10-03T01:00:00Z"
    await relays.tell(at(3, 9))
    assert await relays.through() == "2024-10-03T02:00:00Z", "what a single record said is not believed"
    await relays.tell(at(5), at(5, 9))
    assert await relays.through() == "final"


async def test_one_that_went_back_heals(relays: Relays) -> None:
    await relays.tell(at(5), at(5))
    assert await relays.through() == "final"
    await relays.tell(at(2))
    assert await relays.through() == "2024-10-02T01:00:00Z"
    await relays.tell(at(5, 9), at(5, 10))
    assert await relays.through() == "final"


async def test_an_end_that_is_never_reached_holds_nothing_back_for_long(relays: Relays) -> None:
    await relays.tell(at(5), at(5))
    lies = [relays.record(topic, at(5), end=10**15 - 1) for topic in FACT_TOPICS]
    assert await relays.hear(*lies) == []
    assert await relays.through() == "final"
    await relays.tell(at(6), at(6, 9))
    kept = await relays.reporting.pool.fetchval("SELECT count(*) FROM reporting.watermark_mark")
    assert kept == 2 * len(FACT_TOPICS), "two marks a partition are kept, and no lie"


async def test_a_partition_that_is_not_there_is_refused_and_makes_nothing_unfinal_for_good(relays: Relays) -> None:
    await relays.tell(at(5), at(5))
    lie = relays.record("recordings", at(5), partition=4711)
    assert await relays.hear(lie) == ["unknown_partition"]
    # It may have been added just now: until the consumer must have seen it, nothing is final.
    assert await relays.through() is None
    await relays.tell(at(5, 9), at(5, 9))
    assert await relays.through() == "final"


async def test_a_partition_that_was_added_is_waited_for(relays: Relays) -> None:
    await relays.tell(at(5), at(5))
    await relays.reporting.pool.execute(
        "INSERT INTO exactly_once.position (topic, partition, next_offset) VALUES ('recordings', 4711, 0)"
    )
    assert await relays.through() is None
    for _ in range(2):
        assert await relays.hear(relays.record("recordings", at(5), partition=4711)) == []
    assert await relays.through() == "final"


@pytest.mark.parametrize("producer", ["scheduling", "test", "enrollment2"])
async def test_who_does_not_own_a_topic_cannot_say_how_far_it_is(relays: Relays, producer: str) -> None:
    await relays.tell(at(2), at(2))
    lies = [relays.record("recordings", at(2, 9), owner=producer) for _ in range(2)]
    assert await relays.hear(*lies) == ["unknown_producer"] * 2
    assert await relays.through() == "2024-10-02T01:00:00Z"


async def test_a_topic_that_is_none_of_the_catalogue_is_refused(relays: Relays) -> None:
    event = relays.record("recordings", at(2))
    other = ProgressMade.model_validate({**event.event.model_dump(), "topic": "elsewhere"})
    assert await relays.hear(Received(other, event.record)) == ["unknown_partition"]


async def test_many_lies_neither_fill_the_store_nor_stop_reporting(relays: Relays) -> None:
    """20 bad records in a row would stop the consumer: what nobody could have sent says nothing that a person needs."""
    await relays.tell(at(2), at(2))
    rejected: list[str] = []
    for _ in range(40):
        rejected += await relays.hear(relays.record("recordings", END_OF_TIME, appended=at(2)))
    assert rejected == ["beyond_append_time"] * progress.REFUSED_AT_MOST
    assert progress.REFUSED_AT_MOST < 20


async def test_the_first_and_the_last_instants_that_an_event_can_have(relays: Relays) -> None:
    first = datetime(1970, 1, 3, tzinfo=UTC)
    assert await relays.hear(relays.record("recordings", first, appended=at(2))) == []
    last = datetime(2199, 12, 30, tzinfo=UTC)
    assert await relays.hear(relays.record("recordings", last, appended=at(2))) == ["beyond_append_time"]
