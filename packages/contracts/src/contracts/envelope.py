"""The wire format: CloudEvents 1.0 in Kafka's binary mode, ids derived so that a repeat is recognised."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar, Final, Protocol, Self
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict

from contracts.narrowed import STORED
from contracts.types import Campaign, DecidedBy, Instant, Revision

NAMESPACE: Final = UUID("6c9f3d0e-5d1b-5a0c-9a55-357399000000")
SIGNATURE_HEADER: Final = "jb-signature"
REPLAYED_AT_HEADER: Final = "jb-replayed-at"
CONTENT_HASH_HEADER: Final = "content_sha256"

Headers = Iterable[tuple[str, bytes | None]]


class Event(BaseModel):
    """Something that happened, as the data of a CloudEvent. Unknown fields are ignored: adding one breaks nobody."""

    # Values hardly repeat: to look each up in the cache of strings costs a sixth of decoding.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, cache_strings="keys")

    type: ClassVar[str]

    @classmethod
    def stored(cls, data: str | bytes) -> Self:
        """What was taken once, read again: no later rule makes it unreadable. Raises ValidationError."""
        return cls.model_validate_json(data, context=STORED)

    @property
    def subject(self) -> str:
        """Id of what the event is about, within its campaign; most topics use it as the record's key."""
        raise NotImplementedError

    @property
    def key(self) -> str:
        """Key of the record: decides its partition."""
        return self.subject

    @property
    def event_id(self) -> str:
        """`ce_id`: the same event has the same id however often it is published."""
        raise NotImplementedError

    @property
    def time(self) -> datetime:
        """`ce_time`."""
        raise NotImplementedError


class HasRevision(Protocol):
    """What has revisions, as it is now. Revision 0: nothing was published yet."""

    @property
    def revision(self) -> int: ...
    @property
    def known_at(self) -> datetime | None: ...


class Fact(Event):
    """The aggregate's whole state after the event. The highest revision wins, so order and repeats change nothing."""

    aggregate: ClassVar[str]
    campaign: Campaign
    revision: Revision
    known_at: Instant
    decided_by: DecidedBy | None = None

    @classmethod
    def next(cls, last: HasRevision | None, now: datetime, **state: Any) -> Self:
        """The aggregate's revision after `last` (None: the first), decided at `now`. Raises ValidationError."""
        return cls(
            revision=last.revision + 1 if last else 1,
            known_at=next_known_at(now, last.known_at if last else None),
            **state,
        )

    @property
    def event_id(self) -> str:
        """Derived from aggregate, id and revision."""
        return str(uuid5(NAMESPACE, f"{self.aggregate}/{self.campaign}/{self.subject}/{self.revision}"))

    @property
    def time(self) -> datetime:
        """When the owner decided."""
        return self.known_at

    def says_the_same_as(self, other: "Fact | None") -> bool:
        """Whether both say the same, whichever revision they are, whenever and by whom it was decided."""
        said_when = {"revision", "known_at", "decided_by"}
        return other is not None and self.model_dump(exclude=said_when) == other.model_dump(exclude=said_when)


def next_known_at(now: datetime, last: datetime | None) -> datetime:
    """`known_at` of an aggregate's next revision: `now`, or a microsecond after the last one's where that is later.

    In UTC, so that an event that is made again from the tables is the same to the byte.
    """
    return (now if last is None else max(now, last + timedelta(microseconds=1))).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Message:
    """One Kafka record, ready to be sent."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def encode(event: Event, source: str) -> Message:
    """Writes an event as the record that carries it. `source` is the service's or device's name."""
    value = event.model_dump_json(exclude_none=True).encode()
    return Message(event.key.encode(), value, headers_for(event, source, value))


def headers_for(event: Event, source: str, value: bytes) -> list[tuple[str, bytes]]:
    """The CloudEvents headers of an event whose data are `value`, and the hash that tells a conflict."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.event_id.encode()),
        ("ce_type", event.type.encode()),
        ("ce_source", f"/jemputbola/{source}".encode()),
        ("ce_subject", event.subject.encode()),
        ("ce_time", event.time.astimezone(UTC).isoformat().encode()),
        ("content-type", b"application/json"),
        (CONTENT_HASH_HEADER, content_sha256(value).hex().encode()),
    ]


def content_sha256(value: bytes) -> bytes:
    """What tells whether two records of one revision say the same to the byte: the SHA-256 of a record's value."""
    return sha256(value).digest()


def header(headers: Headers, name: str) -> bytes | None:
    """The first header of that name; None where it is missing or null."""
    for key, value in headers:
        if key == name:
            return value
    return None
