"""Records as they come from the log, and the events they carry; what cannot be one is told apart here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

import asyncpg
from pydantic import ValidationError

from contracts.envelope import content_sha256, header
from contracts.faults import BOM, in_words
from exactly_once.twice import member_twice

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord
    from asyncpg.pool import PoolConnectionProxy

    from contracts.topics import Topic

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Record: TypeAlias = ConsumerRecord[bytes | None, bytes | None]
else:
    Connection = Any
    Pool = Any
    Record = Any

E = TypeVar("E")
DETAIL_LIMIT: Final = 1000


class Undecodable(Exception):
    """A record that is no event of its topic."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(eq=False, slots=True)
class Received(Generic[E]):
    """An event and the record that carried it."""

    event: E
    record: Record
    prepared: Any = None

    @property
    def content_sha256(self) -> bytes:
        """The hash of the record's value; made anew, since the header of that name may be missing or lie."""
        return content_sha256(self.record.value or b"")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a record is a dead letter. `reason` is a word for lists; `detail` never holds input.

    `of_sender`: nobody vouches for it, or its sender alone has it wrong. It is no sign of a flood.
    """

    record: Record
    reason: str
    detail: str
    of_sender: bool = False


@dataclass(eq=False, slots=True)
class Batch(Generic[E]):
    """Events of one topic, in the log's order within each partition; repeats and any order of revisions occur."""

    received: list[Received[E]]
    faults: list[Fault] = field(default_factory=list, init=False)

    def __iter__(self) -> Iterator[Received[E]]:
        return iter(self.received)

    def __len__(self) -> int:
        return len(self.received)

    def reject(self, received: Received[E], reason: str, detail: str = "", *, of_sender: bool = False) -> None:
        """Makes a dead letter of an event, in the transaction of this batch.

        `reason` is a word for lists, `detail` says what to do and must not repeat what came in. `of_sender`: see Fault.
        """
        self.faults.append(Fault(received.record, reason, detail, of_sender))


def record_id(record: Record) -> str:
    """What tells one record from another: `ce_id` and the content, as a short hash."""
    digest = sha256(record.value or b"")
    digest.update(header(record.headers, "ce_id") or b"")
    return digest.hexdigest()[:32]


def logged_at(record: Record) -> datetime:
    """When the broker got the record, by its own clock."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=record.timestamp)


def decoder(topic: Topic) -> Callable[[Record], Any]:
    """Makes the function that turns a record of the topic into its event, or raises Undecodable."""
    models = {model.type.encode(): model.__pydantic_validator__.validate_json for model in topic.types}
    from_others = topic.owner == "counter"  # what our own relays write says nothing twice

    def decode(record: Record) -> Any:
        value = record.value
        if value is None:
            raise Undecodable("tombstone", "the record has no value; nothing is ever deleted on this topic")
        for name, content in record.headers:  # noqa: B007
            if name == "ce_type":
                break
        else:
            raise Undecodable("missing_type", "the header ce_type is missing")
        validate = models.get(content)
        if validate is None:
            raise Undecodable("unknown_type", f"ce_type is none of this topic's: {', '.join(sorted(topic.by_type))}")
        if value.startswith(BOM):
            raise Undecodable("malformed", "the value begins with a byte order mark (BOM): send JSON without it")
        if from_others and (where := member_twice(value)):
            raise Undecodable("malformed", f"a member is there twice in one object: {where}")
        try:
            return validate(value)
        except ValidationError as error:
            raise undecodable(error) from None

    return decode


def undecodable(error: ValidationError) -> Undecodable:
    """Says which fields are wrong and how, without what they held."""
    problems = error.errors(include_url=False, include_context=False)
    if any(problem["type"] == "json_invalid" for problem in problems):
        return Undecodable("malformed", "the value is not a JSON object in UTF-8")
    # The first name is the model's own field; what follows may be a key that came in.
    wrong = "; ".join(
        f"{problem['loc'][0] if problem['loc'] else 'value'}: {in_words(problem)}" for problem in problems
    )
    return Undecodable("wrong_field", wrong[:DETAIL_LIMIT])
