"""The position guard: do log and database still tell the same story? Kafka itself would jump, or read on silently."""

from collections.abc import Sequence

from exactly_once.errors import Verdict
from exactly_once.log import Log
from exactly_once.position import Partition, Position
from exactly_once.records import record_id


async def check(log: Log, positions: Sequence[Position], compacted: frozenset[str]) -> dict[Partition, int]:
    """Compares positions, read before this call, with the log; returns how many records each is behind.

    A log that begins after the position was truncated; one that ends before it was rewound or re-created; one whose
    record at an applied offset is another was re-created. Raises Verdict for each; OSError, TimeoutError and aiokafka's
    errors when the log cannot be looked at.
    """
    by_partition = {position.topic_partition: position for position in positions}
    bounds = await log.bounds(list(by_partition))
    for partition, position in by_partition.items():
        begin, end = bounds[partition]
        if end < position.next_offset:
            raise _verdict(position, f"the log ends at {end}: the topic was rewound or re-created")
        if begin > position.next_offset and position.topic not in compacted:
            raise _verdict(position, f"the log begins at {begin}: records in between were truncated unread")
    for applied in (
        {partition: (position.last_offset, position.last_id) for partition, position in by_partition.items()},
        {partition: (position.anchor_offset, position.anchor_id) for partition, position in by_partition.items()},
    ):
        offsets = {
            partition: offset
            for partition, (offset, _) in applied.items()
            if offset is not None and offset >= bounds[partition][0]
        }
        for partition, record in (await log.first_from(offsets)).items():
            offset, topic = offsets[partition], partition[0]
            compacted_away = record.offset != offset and topic in compacted
            if not compacted_away and (record.offset != offset or record_id(record) != applied[partition][1]):
                finding = f"the record at {offset} is not the one applied: the topic was re-created"
                raise _verdict(by_partition[partition], finding)
    return {partition: bounds[partition][1] - position.next_offset for partition, position in by_partition.items()}


def _verdict(position: Position, finding: str) -> Verdict:
    return Verdict(
        f"{position.topic}/{position.partition}: applied up to {position.next_offset}, but {finding}. "
        "Look at it, then say from where to go on: position accept "
        f"{position.topic} {position.partition} --from begin|end|OFFSET --reason WHY"
    )
