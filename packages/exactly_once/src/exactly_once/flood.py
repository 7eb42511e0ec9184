"""Tells a few bad records, which are set aside, from a flood of them, which only a person can judge.

Nothing is remembered but the dead letters themselves: a restart or another owner of the partition judges the same.
"""

from collections import Counter, deque
from collections.abc import Collection, Sequence
from typing import Final

from exactly_once.errors import Absent, Flood, Misconfigured
from exactly_once.expected import Run
from exactly_once.position import Partition
from exactly_once.records import Connection, Fault

WINDOW: Final = 1000
LIMIT: Final = 50
IN_A_ROW: Final = 20


def check(run: Run, bad: Collection[int], earlier: Collection[int]) -> None:
    """Raises Flood when the run's `bad` offsets, behind the `earlier` ones of its partition, are a flood."""
    in_a_row = 0
    while run.expected - 1 - in_a_row in earlier:
        in_a_row += 1
    recent = deque(sorted(earlier))
    for record in run.records:
        if record.offset not in bad:
            in_a_row = 0
            continue
        in_a_row += 1
        recent.append(record.offset)
        while recent[0] <= record.offset - WINDOW:
            recent.popleft()
        if in_a_row >= IN_A_ROW:
            raise Flood(f"flood of bad records: {in_a_row} in a row", run.partition)
        if len(recent) >= LIMIT:
            raise Flood(f"flood of bad records: {len(recent)} of the last {WINDOW}", run.partition)


async def earlier(tx: Connection, run: Run, passed: int) -> set[int]:
    """The offsets of the partition's dead letters before the run which count: from `passed` on, not closed yet."""
    rows = await tx.fetch(
        """
        SELECT "offset" FROM exactly_once.dead_letter
         WHERE topic = $1 AND partition = $2 AND "offset" >= $3 AND "offset" < $4 AND counts AND status = 'waiting'
        """,
        *run.partition,
        max(run.expected - WINDOW, passed),
        run.expected,
    )
    return {row["offset"] for row in rows}


def told(flood: Flood, faults: Sequence[Fault]) -> Flood:
    """The same verdict with what a person has to look at, and the verb that ends it."""
    assert flood.partition is not None
    topic, partition = flood.partition
    last = max(fault.record.offset for fault in faults)
    ((reason, _),) = Counter(fault.reason for fault in faults).most_common(1)
    return Flood(
        f"{flood}; in this batch {topic}/{partition} up to {last}, mostly {reason}. "
        "Look at them and mend the producer, then: "
        f"dead-letters let-pass {topic} {partition} --until OFFSET --reason WHY",
        flood.partition,
    )


async def remember(tx: Connection, flood: Flood) -> None:
    """Keeps a verdict: the process may be started again, but it does not go on before a person has looked."""
    await tx.execute(
        "INSERT INTO exactly_once.flood (verdict, topic, partition) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        str(flood),
        *(flood.partition or (None, None)),
    )


async def verdict(tx: Connection) -> Flood | None:
    """The verdict that stands, if one does."""
    row = await tx.fetchrow("SELECT verdict, topic, partition FROM exactly_once.flood")
    if row is None:
        return None
    return Flood(row["verdict"], None if row["topic"] is None else (row["topic"], row["partition"]))


async def check_dry(tx: Connection) -> None:
    """Raises Flood while a verdict stands."""
    standing = await verdict(tx)
    if standing is not None:
        raise standing


async def require(tx: Connection, partition: Partition) -> None:
    """Raises Absent when no verdict stands, and Misconfigured when the flood is in another partition."""
    standing = await verdict(tx)
    if standing is None:
        raise Absent("no flood has stopped this service: there is nothing to let pass")
    if standing.partition not in (None, partition):
        flooded, asked = (f"{topic}/{number}" for topic, number in (standing.partition, partition))
        raise Misconfigured(f"the flood is in {flooded}, not in {asked}: nothing is changed")


async def let_pass(tx: Connection, topic: str, partition: int, until: int, reason: str) -> None:
    """Up to an offset bad records no longer count; the verdict that stands is lifted.

    Raises as `require` does, and Misconfigured when the offset lies before the flood: it would come again at once.
    """
    await require(tx, (topic, partition))
    query = "SELECT next_offset FROM exactly_once.position WHERE topic = $1 AND partition = $2"
    begins: int = await tx.fetchval(query, topic, partition) or 0
    if until <= begins:
        raise Misconfigured(
            f"{topic}/{partition} is applied up to {begins}, the flood comes behind: --until is too low"
        )
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
