"""How far each partition has been applied: rows that are compared and moved in the batch's own transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exactly_once.errors import Fenced
from exactly_once.records import Connection

Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Position:
    """One partition's row. `last_*` is the record applied last, `anchor_*` one that the guard has seen in the log."""

    topic: str
    partition: int
    next_offset: int
    last_id: str | None = None
    last_offset: int | None = None
    anchor_id: str | None = None
    anchor_offset: int | None = None

    @property
    def topic_partition(self) -> Partition:
        return self.topic, self.partition


@dataclass(frozen=True, slots=True)
class Move:
    """From where to where one partition moves with a batch, and the last record of it."""

    topic: str
    partition: int
    expected: int
    next_offset: int
    last_id: str
    last_offset: int


async def load(tx: Connection, partitions: Iterable[Partition]) -> list[Position]:
    """Reads the positions, without waiting for who moves them; a partition without a row starts at 0."""
    wanted = sorted(partitions)
    topics, numbers = [topic for topic, _ in wanted], [number for _, number in wanted]
    await tx.execute(
        """
        INSERT INTO exactly_once.position (topic, partition)
        SELECT * FROM unnest($1::text[], $2::int[]) AS wanted (topic, partition)
         WHERE NOT EXISTS (SELECT FROM exactly_once.position AS present
                            WHERE present.topic = wanted.topic AND present.partition = wanted.partition)
            ON CONFLICT DO NOTHING
        """,
        topics,
        numbers,
    )
    rows = await tx.fetch(
        """
        SELECT topic, partition, next_offset, last_id, last_offset, anchor_id, anchor_offset
          FROM exactly_once.position
         WHERE (topic, partition) IN (SELECT * FROM unnest($1::text[], $2::int[]))
         ORDER BY topic, partition
        """,
        topics,
        numbers,
    )
    return [Position(**row) for row in rows]


async def advance(tx: Connection, moves: Sequence[Move]) -> None:
    """Moves the positions, and so holds their rows until the transaction ends: the fence against a second owner.

    Locked in one order by everybody. Raises Fenced when one of them is not where this batch began.
    """
    moved = await tx.fetchval(
        """
        WITH move AS MATERIALIZED (
            SELECT move.*
              FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[])
                   AS move (topic, partition, expected, next_offset, last_id, last_offset)
              JOIN exactly_once.position USING (topic, partition)
             ORDER BY topic, partition
               FOR UPDATE OF position),
        moved AS (
            UPDATE exactly_once.position
               SET next_offset = move.next_offset, last_id = move.last_id, last_offset = move.last_offset
              FROM move
             WHERE position.topic = move.topic AND position.partition = move.partition
               AND position.next_offset = move.expected
            RETURNING 1)
        SELECT count(*) FROM moved
        """,
        [move.topic for move in moves],
        [move.partition for move in moves],
        [move.expected for move in moves],
        [move.next_offset for move in moves],
        [move.last_id for move in moves],
        [move.last_offset for move in moves],
    )
    if moved != len(moves):
        raise Fenced


async def anchor(tx: Connection, verified: Sequence[Position]) -> None:
    """Remembers for each partition the record that log and database were seen to agree on.

    One that is being moved is left for the next time: who looks must not wait for who works.
    """
    await tx.execute(
        """
        WITH seen AS MATERIALIZED (
            SELECT topic, partition, seen.id, seen."offset"
              FROM unnest($1::text[], $2::int[], $3::text[], $4::bigint[]) AS seen (topic, partition, id, "offset")
              JOIN exactly_once.position USING (topic, partition)
               FOR UPDATE OF position SKIP LOCKED)
        UPDATE exactly_once.position
           SET anchor_id = seen.id, anchor_offset = seen."offset"
          FROM seen
         WHERE position.topic = seen.topic AND position.partition = seen.partition
        """,
        [position.topic for position in verified],
        [position.partition for position in verified],
        [position.last_id for position in verified],
        [position.last_offset for position in verified],
    )


async def decide(tx: Connection, topic: str, partition: int, to_offset: int, reason: str) -> None:
    """Moves a position by hand and keeps who had it moved why. The guard starts afresh from there."""
    (position,) = await load(tx, [(topic, partition)])
    await tx.execute(
        """
        UPDATE exactly_once.position
           SET next_offset = $3, last_id = NULL, last_offset = NULL, anchor_id = NULL, anchor_offset = NULL
         WHERE topic = $1 AND partition = $2
        """,
        topic,
        partition,
        to_offset,
    )
    await tx.execute(
        """
        INSERT INTO exactly_once.position_decision (topic, partition, from_offset, to_offset, reason)
        VALUES ($1, $2, $3, $4, $5)
        """,
        topic,
        partition,
        position.next_offset,
        to_offset,
        reason,
    )
