"""Tells a few bad records, which are set aside, from a flood of them, which only a person can judge."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence

from exactly_once.errors import Flood
from exactly_once.position import Partition
from exactly_once.records import Connection, Fault


class FloodLimit:
    """Counts the bad records among the last `window` and in a row. Nothing is counted before its batch is committed."""

    def __init__(self, window: int = 1000, limit: int = 50, in_a_row: int = 20) -> None:
        self._window = window
        self._limit = limit
        self._in_a_row = in_a_row
        self._seen = 0
        self._bad: deque[int] = deque()
        self._row = 0

    def check(self, bad: Sequence[int]) -> None:
        """Raises Flood if the next records, with `bad` ones at these indexes, would be a flood."""
        seen, recent, row = self._seen, deque(self._bad), self._row
        previous = -1
        for index in bad:
            row = row + 1 if index == previous + 1 else 1
            previous = index
            recent.append(seen + index)
            while recent[0] <= seen + index - self._window:
                recent.popleft()
            if row >= self._in_a_row:
                raise Flood(f"flood of bad records: {row} in a row")
            if len(recent) >= self._limit:
                raise Flood(f"flood of bad records: {len(recent)} of the last {self._window}")

    def accept(self, count: int, bad: Sequence[int]) -> None:
        """Counts a committed batch."""
        trailing = 0
        for index in reversed(bad):
            if index != count - 1 - trailing:
                break
            trailing += 1
        self._row = self._row + trailing if trailing == count else trailing
        self._bad.extend(self._seen + index for index in bad)
        self._seen += count
        while self._bad and self._bad[0] < self._seen - self._window:
            self._bad.popleft()


def where(faults: Iterable[Fault], topic_prefix: str) -> str:
    """In which partitions, up to which offset and for which reasons: what a person has to look at."""
    last: dict[Partition, int] = {}
    reasons: dict[Partition, Counter[str]] = defaultdict(Counter)
    for fault in faults:
        partition = (fault.record.topic.removeprefix(topic_prefix), fault.record.partition)
        last[partition] = max(last.get(partition, 0), fault.record.offset)
        reasons[partition][fault.reason] += 1
    return "; ".join(
        f"{topic}/{partition} up to {last[topic, partition]}, mostly {counted.most_common(1)[0][0]}"
        for (topic, partition), counted in sorted(reasons.items())
    )


async def remember(tx: Connection, flood: Flood) -> None:
    """Keeps a verdict: the process may be started again, but it does not go on before a person has looked."""
    await tx.execute("INSERT INTO exactly_once.flood (verdict) VALUES ($1) ON CONFLICT DO NOTHING", str(flood))


async def verdict(tx: Connection) -> str | None:
    standing: str | None = await tx.fetchval("SELECT verdict FROM exactly_once.flood")
    return standing


async def check_dry(tx: Connection) -> None:
    """Raises Flood while a verdict stands."""
    standing = await verdict(tx)
    if standing is not None:
        raise Flood(standing)


async def let_pass(tx: Connection, topic: str, partition: int, until: int, reason: str) -> None:
    """Up to an offset bad records no longer count; a verdict that stands is lifted."""
    await tx.execute(
        """
        INSERT INTO exactly_once.flood_pass AS pass (topic, partition, until_offset, reason)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (topic, partition) DO UPDATE
           SET (until_offset, reason, decided_at)
             = (excluded.until_offset, excluded.reason, clock_timestamp())
        """,
        topic,
        partition,
        until,
        reason,
    )
    await tx.execute("DELETE FROM exactly_once.flood")


async def passes(tx: Connection) -> dict[Partition, int]:
    """Up to where bad records do not count."""
    rows = await tx.fetch("SELECT topic, partition, until_offset FROM exactly_once.flood_pass")
    return {(row["topic"], row["partition"]): row["until_offset"] for row in rows}
