"""Which bad records count towards a flood, which are kept, and which are only counted: the store is bounded.

Where anybody may write, what nobody vouches for is set aside for its sender and never stops the rest.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from contracts.types import AnyUuid, Campaign, Slug
from exactly_once.position import Partition
from exactly_once.records import Connection, Fault
from exactly_once.settings import Tuning

# So many bad records of one device count towards a flood: what one has wrong alone is its own trouble.
OF_ONE_DEVICE: Final = 5
MOST_SENDERS: Final = 200  # that are told apart in a partition's overflow
LARGEST: Final = 16 * 1024  # bytes of a record that is kept; a submission has at most a half of it
_SHOWN: Final[dict[str, TypeAdapter[str]]] = {
    "campaign": TypeAdapter(Campaign), "device_id": TypeAdapter(Slug), "submission_id": TypeAdapter(AnyUuid),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claims:
    """What a record says of itself and nobody has checked, as far as it may be shown: no name and no NIK."""

    campaign: str | None = None
    device_id: str | None = None
    submission_id: str | None = None


def claims(value: bytes | None) -> Claims:
    """Of its value: each None where it is missing, of another form, or may hold a NIK; large ones are not read."""
    try:
        content = from_json(value if value is not None and len(value) <= LARGEST else b"")
    except ValueError:
        return Claims()
    if not isinstance(content, dict):
        return Claims()
    return Claims(**{name: _shown(name, content.get(name)) for name in _SHOWN})


def _shown(name: str, content: Any) -> str | None:
    try:
        text = _SHOWN[name].validate_python(content)
    except ValidationError:
        return None
    return text if name == "submission_id" or sum(map(str.isdigit, text)) < 16 else None


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A fault, whose it is, and what becomes of it: `counts` towards a flood; `kept` as a dead letter."""

    fault: Fault
    claims: Claims
    counts: bool = True
    kept: bool = True


def bad_record(fault: Fault) -> BadRecord:
    """A fault with what its record says of itself."""
    return BadRecord(fault, claims(fault.record.value), counts=not fault.of_sender)


class Room:
    """How much is set aside of a topic: of each sender, and of all that does not count."""

    def __init__(self, tuning: Tuning, counting: Counter[str], others: Counter[str], total: int) -> None:
        """`counting` and `others` by device, "" where a record names none."""
        self._tuning, self._counting, self._others, self._total = tuning, counting, others, total

    def take(self, bad: BadRecord) -> BadRecord:
        """The same with what becomes of it."""
        sender = bad.claims.device_id or ""
        if bad.counts and self._counting[sender] < OF_ONE_DEVICE:
            self._counting[sender] += 1
            return bad
        kept = (
            self._others[sender] < self._tuning.kept_of_sender
            and self._total < self._tuning.kept_of_senders
            and len(bad.fault.record.value or b"") <= LARGEST
        )
        self._others[sender] += kept
        self._total += kept
        return replace(bad, counts=False, kept=kept)


async def judge(tx: Connection, topic: str, faults: Sequence[Fault], tuning: Tuning) -> list[BadRecord]:
    """What becomes of the bad records of a topic that anybody may write to."""
    bad = [bad_record(fault) for fault in faults]
    room = await _room(tx, topic, {each.claims.device_id or "" for each in bad}, tuning)
    return [room.take(each) for each in bad]


async def _room(tx: Connection, topic: str, senders: Collection[str], tuning: Tuning) -> Room:
    rows = await tx.fetch(
        """
        SELECT coalesce(device_id, '') AS sender, counts, count(*) AS n FROM exactly_once.dead_letter
         WHERE topic = $1 AND status = 'waiting' AND coalesce(device_id, '') = ANY ($2::text[])
         GROUP BY sender, counts
        """,
        topic,
        list(senders),
    )
    waiting = {
        counts: Counter({row["sender"]: row["n"] for row in rows if row["counts"] is counts})
        for counts in (True, False)
    }
    query = "SELECT count(*) FROM exactly_once.dead_letter WHERE topic = $1 AND NOT counts AND status = 'waiting'"
    return Room(tuning, waiting[True], waiting[False], await tx.fetchval(query, topic))


@dataclass(frozen=True, slots=True)
class Overflow:
    """Between these offsets so many records were set aside and not kept. `device_id` "" stands for many senders."""

    topic: str
    partition: int
    device_id: str
    first_offset: int
    last_offset: int
    records: int


async def add_overflow(tx: Connection, partition: Partition, bad: Sequence[BadRecord]) -> None:
    """Counts records of a partition that are not kept, by sender as long as there are not too many senders."""
    query = "SELECT device_id FROM exactly_once.overflow WHERE topic = $1 AND partition = $2"
    senders = {row["device_id"] for row in await tx.fetch(query, *partition)}
    offsets: dict[str, list[int]] = defaultdict(list)
    for each in bad:
        sender = each.claims.device_id or ""
        sender = sender if sender in senders or len(senders) < MOST_SENDERS else ""
        senders.add(sender)
        offsets[sender].append(each.fault.record.offset)
    await tx.executemany(
        """
        INSERT INTO exactly_once.overflow AS present (topic, partition, device_id, first_offset, last_offset, records)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (topic, partition, device_id) DO UPDATE
           SET first_offset = least(present.first_offset, excluded.first_offset),
               last_offset = greatest(present.last_offset, excluded.last_offset),
               records = present.records + excluded.records
        """,
        [(*partition, sender, min(some), max(some), len(some)) for sender, some in sorted(offsets.items())],
    )


async def overflow(tx: Connection, topic: str, senders: Collection[str]) -> list[Overflow]:
    """Between which offsets records of these senders were set aside and not kept."""
    rows = await tx.fetch(
        """
        SELECT topic, partition, device_id, first_offset, last_offset, records FROM exactly_once.overflow
         WHERE topic = $1 AND device_id = ANY ($2::text[]) ORDER BY partition, device_id
        """,
        topic,
        list(senders),
    )
    return [Overflow(**row) for row in rows]


async def overflow_by_topic(tx: Connection) -> dict[str, int]:
    """How many records were set aside and not kept."""
    rows = await tx.fetch("SELECT topic, sum(records)::bigint AS n FROM exactly_once.overflow GROUP BY topic")
    return {row["topic"]: row["n"] for row in rows}


async def close_overflow(tx: Connection, part: Overflow) -> None:
    """All of it was looked at again. One that has grown since stays."""
    await tx.execute(
        """
        DELETE FROM exactly_once.overflow
         WHERE topic = $1 AND partition = $2 AND device_id = $3 AND records = $4
        """,
        part.topic,
        part.partition,
        part.device_id,
        part.records,
    )


async def forget_overflow(tx: Connection, topic: str, reason: str) -> int:
    """A person has decided that what was not kept of a topic is junk: the reason is kept. Returns how many they are."""
    rows = await tx.fetch("DELETE FROM exactly_once.overflow WHERE topic = $1 RETURNING records", topic)
    records: int = sum(row["records"] for row in rows)
    await tx.execute(
        "INSERT INTO exactly_once.overflow_decision (topic, records, reason) VALUES ($1, $2, $3)",
        topic,
        records,
        reason,
    )
    return records


def notices(topic: str, waiting: int, beyond: int) -> list[str]:
    """What is told aloud of a topic's bad records: `waiting` as dead letters, and so many `beyond` what is kept."""
    if not waiting and not beyond:
        return []
    more = f", and {beyond:,} more are not kept: they stay on the topic" if beyond else ""
    return [f"{topic}: {waiting:,} bad records are set aside and wait for a person (dead-letters list){more}"]
