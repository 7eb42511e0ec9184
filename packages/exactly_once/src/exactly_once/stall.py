"""Notices a partition in which records wait and none is applied. Pure: the time is passed in."""

from collections.abc import Mapping

from exactly_once.position import Partition


class Stall:
    """Looks at positions again and again. `problem` tells of the partition that has stood still longest, if any has."""

    def __init__(self, limit: float) -> None:
        """`limit`: seconds for which a partition may stand still."""
        self._limit = limit
        self._since: dict[Partition, tuple[int, float]] = {}
        self.problem: str | None = None

    def look(self, waiting: Mapping[Partition, tuple[int, int]], now: float) -> None:
        """`waiting`: the next offset of each partition in which records wait, and how many."""
        self._since = {
            partition: last if (last := self._since.get(partition)) is not None and last[0] == offset else (offset, now)
            for partition, (offset, _) in waiting.items()
        }
        stood, partition = max(((now - at, each) for each, (_, at) in self._since.items()), default=(0.0, ("", 0)))
        self.problem = None
        if stood >= self._limit:
            records = waiting[partition][1]
            self.problem = f"{partition[0]}/{partition[1]}: {records} records wait, none was applied for {stood:.0f} s"
