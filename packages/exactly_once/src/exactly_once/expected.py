"""What each partition is expected to bring next, and which of the records that came are that."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import attrgetter

from exactly_once.errors import Gap
from exactly_once.position import Move, Partition, Position
from exactly_once.records import Record, record_id


@dataclass(frozen=True, slots=True)
class Run:
    """Records of one partition, in order, that are new when its position is `expected`."""

    partition: Partition
    expected: int
    records: list[Record]

    @property
    def topic(self) -> str:
        """Without the prefix."""
        return self.partition[0]

    @property
    def last(self) -> Record:
        return self.records[-1]

    @property
    def next_offset(self) -> int:
        return int(self.last.offset) + 1

    @property
    def move(self) -> Move:
        return Move(*self.partition, self.expected, self.next_offset, record_id(self.last), self.last.offset)

    def holes(self) -> set[tuple[int, int]]:
        """From where to where offsets are missing, before the first record and between any two."""
        offsets = [self.expected - 1, *(record.offset for record in self.records)]
        return {(before + 1, after) for before, after in pairwise(offsets) if after != before + 1}


class Expected:
    """The next offset of each partition, as the database said last or as a commit has moved it since."""

    def __init__(self, prefix: str, compacted: Iterable[str]) -> None:
        """`prefix` is put before the topics' names; a `compacted` topic has holes at any time."""
        self._prefix = prefix
        self._compacted = frozenset(compacted)
        self._next: dict[Partition, int] = {}
        self._holes: dict[Partition, set[tuple[int, int]]] = {}

    def now(self) -> dict[Partition, int]:
        return dict(self._next)

    def read_back(self, positions: Iterable[Position]) -> None:
        for each in positions:
            self._next[each.topic_partition] = each.next_offset

    def committed(self, runs: Iterable[Run]) -> None:
        for run in runs:
            self._next[run.partition] = run.next_offset

    def fresh(self, records: Sequence[Record]) -> list[Run]:
        """The records by partition, without those that are applied. Raises Gap where offsets are missing.

        Compaction and the markers of a producer's transactions leave holes; so would a client that lost records. A hole
        is believed once the log has shown it twice.
        """
        runs = []
        for (topic, number), group in groupby(records, attrgetter("topic", "partition")):
            partition = (topic.removeprefix(self._prefix), number)
            expected = self._next[partition]
            run = Run(partition, expected, [record for record in group if record.offset >= expected])
            if run.records:
                runs.append(run)
            if run.records and run.next_offset - expected != len(run.records) and run.topic not in self._compacted:
                self._believe(run)
        return runs

    def _believe(self, run: Run) -> None:
        holes = run.holes()
        seen = {hole for hole in self._holes.get(run.partition, ()) if hole[1] > run.expected}
        self._holes[run.partition] = seen | holes
        if not holes <= seen:
            raise Gap


def went_back(before: dict[Partition, int], positions: Iterable[Position]) -> bool:
    """Whether one is smaller than it was expected before it was asked for: what was committed there is gone."""
    return any(each.next_offset < before.get(each.topic_partition, 0) for each in positions)
