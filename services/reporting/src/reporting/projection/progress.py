"""The marks of the relays, each of them checked, held against the positions that have been applied."""

import logging
from datetime import timedelta
from typing import Any, Final

from contracts.days import utc
from contracts.envelope import header
from contracts.progress import ProgressMade
from contracts.topics import CATALOGUE, PROGRESS
from exactly_once import Batch, Connection, Received
from exactly_once.records import logged_at

logger: Final = logging.getLogger(__name__)

# Everything known until then, by whoever publishes facts, has been applied: the least of all partitions of the topics
# $topics. Of a partition it is the lower of the last two marks that are reached: what one record says moves nothing,
# and one that went back is healed by the two that follow. Null as long as a topic is unheard of, or one of its
# partitions has fewer than two, and while records of them are set aside or were skipped by hand: once they are applied,
# something known long ago is new.
WATERMARK: Final = """
    SELECT CASE WHEN bool_and(through IS NOT NULL) AND count(DISTINCT topic) = cardinality($topics)
                 AND NOT EXISTS (SELECT FROM exactly_once.dead_letter
                                  WHERE status = 'waiting' AND dead_letter.topic = ANY($topics))
                 AND NOT EXISTS (SELECT FROM exactly_once.position_decision AS skip
                                  WHERE skip.topic = ANY($topics) AND skip.to_offset > skip.from_offset
                                    AND NOT EXISTS (SELECT FROM exactly_once.position_decision AS back
                                                     WHERE (back.topic, back.partition) = (skip.topic, skip.partition)
                                                       AND back.decided_at > skip.decided_at
                                                       AND back.to_offset <= skip.from_offset))
                THEN min(through) END
      FROM (SELECT part.topic, (
                     SELECT CASE WHEN count(*) = 2 THEN min(through) END
                       FROM (SELECT through FROM reporting.watermark_mark AS mark
                              WHERE mark.topic = part.topic AND mark.partition = part.partition
                                AND mark.end_offset <= coalesce(position.next_offset, 0)
                              ORDER BY told_offset DESC LIMIT 2) AS last_two) AS through
              FROM (SELECT topic, partition FROM reporting.watermark_mark
                     UNION SELECT topic, partition FROM exactly_once.position) AS part
              LEFT JOIN exactly_once.position AS position USING (topic, partition)
             WHERE part.topic = ANY($topics)) AS heard
"""
FACT_TOPICS: Final = [
    topic.name for topic in CATALOGUE if "reporting" in topic.readers and not topic.compacted
]  # every topic whose facts make the figures
_TOPICS: Final = {topic.name: topic for topic in CATALOGUE}

AHEAD: Final = timedelta(minutes=1)  # so far PostgreSQL's clock may be ahead of the broker's
# Partitions may just have been added: by then the consumer has heard of them (it asks every 10 s).
GROWN_WITHIN: Final = timedelta(seconds=30)
# So many refused marks wait for a person; more would tell nothing new, and be a flood.
REFUSED_AT_MOST: Final = 10


UNKNOWN_PARTITION: Final = "unknown_partition"


PARTITIONS: Final = "SELECT topic, partition FROM exactly_once.position"
WAITING: Final = "SELECT count(*) FROM exactly_once.dead_letter WHERE status = 'waiting' AND topic = $1"
KEEP: Final = """
    INSERT INTO reporting.watermark_mark (topic, partition, told_offset, told_at, end_offset, through)
    SELECT topic, partition, told_offset, told_at, end_offset, through
      FROM unnest($1::text[], $2::int[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::timestamptz[])
           AS mark (topic, partition, told_offset, told_at, end_offset, through)
     ORDER BY topic, partition, told_offset
    ON CONFLICT DO NOTHING
"""
# Those before the last two that are reached, and those of partitions that turned out not to be there. $1 and $2: the
# topics of the catalogue and how many partitions each has at least.
DROP: Final = """
    WITH reached AS (
        SELECT topic, partition, told_offset,
               row_number() OVER (PARTITION BY topic, partition ORDER BY told_offset DESC) AS nth
          FROM reporting.watermark_mark JOIN exactly_once.position USING (topic, partition)
         WHERE end_offset <= next_offset)
    DELETE FROM reporting.watermark_mark AS mark
     WHERE EXISTS (SELECT FROM reached
                    WHERE nth = 2 AND (reached.topic, reached.partition) = (mark.topic, mark.partition)
                      AND mark.told_offset < reached.told_offset)
        OR told_at < (SELECT max(told_at) FROM reporting.watermark_mark) - $3::interval
           AND NOT EXISTS (SELECT FROM exactly_once.position AS there
                            WHERE (there.topic, there.partition) = (mark.topic, mark.partition))
           AND EXISTS (SELECT FROM unnest($1::text[], $2::int[]) AS catalogue (topic, partitions)
                        WHERE catalogue.topic = mark.topic AND mark.partition >= partitions)
"""


async def merge(tx: Connection, batch: Batch[ProgressMade]) -> None:
    """Keeps the marks that can be true, and drops those that later ones, reached as well, have made useless.

    A mark that cannot be is rejected as long as few wait for a person; further ones are only logged.
    """
    partitions = {(row["topic"], row["partition"]) for row in await tx.fetch(PARTITIONS)}
    room = REFUSED_AT_MOST - await tx.fetchval(WAITING, PROGRESS.name)
    marks = []
    for received in batch:
        refusal = _refusal(received, partitions)
        if refusal is None or (refusal[0] == UNKNOWN_PARTITION and received.event.topic in _TOPICS):
            marks.append(received)  # of a partition that may be new it holds everything back for a moment
        if refusal is not None:
            reason, detail = refusal
            logger.error("a mark of %s is refused: %s", received.event.subject, reason)
            if room > 0:
                batch.reject(received, reason, detail)
            room -= 1
    if marks:
        await tx.execute(KEEP, *_columns(marks))
        names, counts = zip(*((topic.name, topic.partitions) for topic in CATALOGUE), strict=True)
        await tx.execute(DROP, names, counts, GROWN_WITHIN)


def _refusal(received: Received[ProgressMade], partitions: set[tuple[str, int]]) -> tuple[str, str] | None:
    """Why nobody who may say so can have said this, and what to do; None for a mark that can be true."""
    mark, topic = received.event, _TOPICS.get(received.event.topic)
    if topic is None or (mark.partition >= topic.partitions and (mark.topic, mark.partition) not in partitions):
        return UNKNOWN_PARTITION, "there is no such partition; if it was added just now, discard this"
    if header(received.record.headers, "ce_source") != f"/jemputbola/{topic.owner}".encode():
        return "unknown_producer", "only the relay of the service that writes a topic says how far it is: see the ACLs"
    if mark.through > logged_at(received.record) + AHEAD:
        return "beyond_append_time", "compare the clocks of PostgreSQL and the broker, and look at who wrote it"
    return None


def _columns(marks: list[Received[ProgressMade]]) -> tuple[list[Any], ...]:
    return (
        [each.event.topic for each in marks],
        [each.event.partition for each in marks],
        [each.record.offset for each in marks],
        [logged_at(each.record) for each in marks],
        [each.event.end_offset for each in marks],
        # What is known later than the record was written cannot have been meant: of the two clocks the earlier holds.
        [min(utc(each.event.through), logged_at(each.record)) for each in marks],
    )
