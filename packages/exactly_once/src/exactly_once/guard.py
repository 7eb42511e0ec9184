"""The position guard: do log and database still tell the same story? Kafka itself would jump, or read on silently."""

from collections.abc import Sequence

from exactly_once.errors import Verdict
from exactly_once.log import Log
from exactly_once.position import Position
from exactly_once.records import record_id


async def check(log: Log, positions: Sequence[Position], compacted: frozenset[str]) -> dict[tuple[str, int], int]:
    """Compares positions, read before this call, with the log; answers how many records each is behind.

    A log that begins after the position was truncated; one that ends before it was rewound or re-created; one whose
    record at a known offset is another was re-created. Raises Verdict for each; OSError, TimeoutError and aiokafka's
    errors when the log cannot be looked at.
    """
    places = {position.place: position for position in positions}
    bounds = await log.bounds(list(places))
    for place, position in places.items():
        begin, end = bounds[place]
        if end < position.next_offset:
            raise _verdict(position, f"the log ends at {end}: the topic was rewound or re-created")
        if begin > position.next_offset and position.topic not in compacted:
            raise _verdict(position, f"the log begins at {begin}: records in between were truncated unread")
    for known in (
        {place: (position.last_offset, position.last_id) for place, position in places.items()},
        {place: (position.anchor_offset, position.anchor_id) for place, position in places.items()},
    ):
        there = {
            place: offset for place, (offset, _) in known.items() if offset is not None and offset >= bounds[place][0]
        }
        for place, record in (await log.first_from(there)).items():
            compacted_away = record.offset != there[place] and place[0] in compacted
            if not compacted_away and (record.offset != there[place] or record_id(record) != known[place][1]):
                raise _verdict(
                    places[place], f"the record at {there[place]} is not the one applied: the topic was re-created"
                )
    return {place: bounds[place][1] - position.next_offset for place, position in places.items()}


def _verdict(position: Position, finding: str) -> Verdict:
    return Verdict(
        f"{position.topic}/{position.partition}: applied up to {position.next_offset}, but {finding}. "
        "Look at it, then say from where to go on: position accept "
        f"{position.topic} {position.partition} --from begin|end|OFFSET --reason WHY"
    )
