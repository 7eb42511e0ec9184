"""How long the log is waited for: as long as it goes on, and no longer."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from exactly_once.log import ANSWER_WITHIN, Log

PARTITION = ("recordings", 0)


class Hours(asyncio.SelectorEventLoop):
    """A loop whose clock a test puts forward."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


class Slow:
    """A consumer of one partition that takes more than half of the time allowed for each answer."""

    def __init__(self, loop: Hours, answers: list[list[int]]) -> None:
        self.loop, self.answers, self.at = loop, answers, 0

    def assign(self, partitions: list[TopicPartition]) -> None:
        (self.partition,) = partitions

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.at = offset

    def pause(self, *partitions: TopicPartition) -> None: ...

    async def position(self, partition: TopicPartition) -> int:
        return self.at

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 6)

    async def getmany(self, *partitions: TopicPartition, **_: Any) -> dict[TopicPartition, list[Any]]:
        self.loop.ahead += 0.6 * ANSWER_WITHIN
        await asyncio.sleep(0)  # whoever waits too long is told so
        await asyncio.sleep(0)
        assert self.answers, "it asks for ever"
        offsets = self.answers.pop(0)
        if not offsets:
            return {}
        self.at = offsets[-1] + 1
        return {self.partition: [SimpleNamespace(offset=offset) for offset in offsets]}


def offsets_read(way: str, answers: list[list[int]]) -> list[int]:
    loop = Hours()
    log = Log("nowhere")
    log._consumer = Slow(loop, answers)  # type: ignore[assignment]

    async def read() -> list[int]:
        if way == "between":
            return [record.offset for record in (await log.between({PARTITION: (0, 6)})).get(PARTITION, [])]
        return [record.offset async for records in log.scan(PARTITION, 0, 5) for record in records]

    try:
        return loop.run_until_complete(read())
    finally:
        loop.close()


@pytest.mark.parametrize("way", ["between", "scan"])
def test_a_log_that_goes_on_slowly_is_read_to_the_end(way: str) -> None:
    assert offsets_read(way, [[0, 1], [2, 3], [4, 5, 6, 7]]) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("way", ["between", "scan"])
def test_a_log_that_falls_silent_is_given_up(way: str) -> None:
    with pytest.raises(TimeoutError):
        offsets_read(way, [[0, 1], [], [], [], []])
