"""The marks of the relays, held against the positions that have been applied."""

from typing import Final

from contracts.progress import ProgressMade
from contracts.topics import CATALOGUE
from exactly_once import Batch, Connection

# Everything known until then, by whoever publishes facts, has been applied: the least of all partitions of the topics
# $topics. Null as long as a topic is unheard of, or one of its partitions has not said anything that is reached, and
# while records of them are set aside or were skipped by hand: once they are applied, something known long ago is new.
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
                     SELECT max(through) FROM reporting.progress_mark AS mark
                      WHERE mark.topic = part.topic AND mark.partition = part.partition
                        AND mark.end_offset <= coalesce(position.next_offset, 0)) AS through
              FROM (SELECT topic, partition FROM reporting.progress_mark
                     UNION SELECT topic, partition FROM exactly_once.position) AS part
              LEFT JOIN exactly_once.position AS position USING (topic, partition)
             WHERE part.topic = ANY($topics)) AS heard
"""
FACT_TOPICS: Final = [
    topic.name for topic in CATALOGUE if "reporting" in topic.readers and not topic.compacted
]  # every topic whose facts make the figures


async def merge(tx: Connection, batch: Batch[ProgressMade]) -> None:
    """Keeps the marks, and drops those that a later one, reached as well, has made useless."""
    events = [received.event for received in batch]
    await tx.execute(
        """
        INSERT INTO reporting.progress_mark AS mark (topic, partition, end_offset, through)
        SELECT topic, partition, end_offset, max(through)
          FROM unnest($1::text[], $2::int[], $3::bigint[], $4::timestamptz[])
               AS event (topic, partition, end_offset, through)
         GROUP BY topic, partition, end_offset ORDER BY topic, partition, end_offset
        ON CONFLICT (topic, partition, end_offset) DO UPDATE SET through = excluded.through
         WHERE excluded.through > mark.through
        """,
        [event.topic for event in events],
        [event.partition for event in events],
        [event.end_offset for event in events],
        [event.through for event in events],
    )
    await tx.execute(
        """
        WITH reached AS (
            SELECT mark.topic, mark.partition, max(through) AS through
              FROM reporting.progress_mark AS mark JOIN exactly_once.position USING (topic, partition)
             WHERE end_offset <= next_offset GROUP BY mark.topic, mark.partition)
        DELETE FROM reporting.progress_mark AS mark USING reached
         WHERE mark.topic = reached.topic AND mark.partition = reached.partition AND mark.through < reached.through
        """
    )
