"""A counter that is set up, the office it belongs to, and what is on its topic."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from counter import Counter
from tests.unit.counter.support import Office, Server, new_counter


@pytest.fixture
def office() -> Iterator[Office]:
    office = Office()
    office.new_key()
    server = Server(office)
    yield office
    server.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "loket"


@pytest.fixture
async def counter(home: Path, office: Office) -> AsyncIterator[Counter]:
    with await new_counter(home, office) as counter:
        yield counter


async def on_topic(bootstrap_servers: str, topic: str) -> list[ConsumerRecord]:
    """Everything that is on the topic now, in log order within each partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(6)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[ConsumerRecord] = []
        while len(records) < sum(ends.values()):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records.extend(batch)
        return records
    finally:
        await consumer.stop()
