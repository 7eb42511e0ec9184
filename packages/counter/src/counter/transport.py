"""To the broker: idempotent, acks from all, and never more certain about an outcome than one can be."""

import asyncio
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from contracts.topics import RECORDING_SUBMISSIONS
from counter.errors import NotSetUp

MAX_RECORD: Final = 1024 * 1024  # bytes, as the topic's max.message.bytes
_OF_THE_RECORD: Final = (MessageSizeTooLargeError, RecordListTooLargeError)
_SERVER: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s\[\]:/]+)(?::([0-9]{1,5}))?")
log = logging.getLogger(__name__)


def check_servers(servers: str) -> None:
    """Raises `NotSetUp` for what can be no address of Kafka: the client would end in a traceback."""
    addresses = [_SERVER.fullmatch(address.strip()) for address in servers.split(",") if address.strip()]
    if not addresses or not all(match and int(match[1] or 0) < 2**16 for match in addresses):
        raise NotSetUp("the address of Kafka must be host:port, or several with commas, as 127.0.0.1:9092")


@dataclass(frozen=True, slots=True)
class Outgoing:
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`sent`: the broker confirmed it. `refused`: this record cannot be sent, whatever one waits for. `unknown`: it may
    be on the topic or not, so it must be sent again.
    """

    state: Literal["sent", "refused", "unknown"]
    message: str = ""


class Transport(Protocol):
    """Where counters send to. One may serve many counters of a process, at the same time."""

    async def send(self, records: Sequence[Outgoing]) -> list[Outcome]:
        """Send in this order; one outcome for each. Returns within a bounded time and raises nothing."""

    async def close(self) -> None:
        """Closes the connections."""


class KafkaTransport:
    """One producer, made at the first send and replaced after every failure.

    A failure that cannot be retried burns a sequence number: the broker would refuse all that follows
    (`OutOfOrderSequenceNumber`). And what a timed-out producer still holds would be sent a second time whenever the
    broker comes back. So after any failure but a local one a new producer starts clean.
    """

    def __init__(self, bootstrap_servers: str, *, topic_prefix: str = "", timeout: float = 15.0) -> None:
        """`timeout` in seconds, for one call of `send`. Raises `NotSetUp`."""
        check_servers(bootstrap_servers)
        self.topic = topic_prefix + RECORDING_SUBMISSIONS.name
        self._servers = bootstrap_servers
        self._timeout = timeout
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()

    async def send(self, records: Sequence[Outgoing]) -> list[Outcome]:
        """See `Transport`. A record is refused only when it fails alone: batch-mates fail with it otherwise."""
        outcomes = await self._attempt(records)
        if len(records) > 1:
            for at, outcome in enumerate(outcomes):
                if outcome.state == "refused":
                    (outcomes[at],) = await self._attempt([records[at]])
        return outcomes

    async def close(self) -> None:
        await self._replace(self._producer)

    async def _attempt(self, records: Sequence[Outgoing]) -> list[Outcome]:
        futures: list[asyncio.Future[Any] | KafkaError] = []
        producer: AIOKafkaProducer | None = None
        failure: Exception | None = None
        try:
            async with asyncio.timeout(self._timeout):
                producer = await self._ready()
                for record in records:
                    futures.append(await self._enqueue(producer, record))
                waiting = [future for future in futures if isinstance(future, asyncio.Future)]
                if waiting:
                    await asyncio.wait(waiting)
        except TimeoutError:
            failure = TimeoutError()
        except (KafkaError, OSError) as error:
            failure = error
        finally:
            for future in futures:
                if isinstance(future, asyncio.Future):
                    future.add_done_callback(_retrieve)
        outcomes = [self._outcome(future, failure) for future in futures]
        outcomes += [Outcome("unknown", self._explain(failure))] * (len(records) - len(futures))
        # A record that is too large by our own measure never reached the producer's sequence.
        broken = failure or any(
            isinstance(future, asyncio.Future) and (not future.done() or future.exception()) for future in futures
        )
        if broken:
            await self._replace(producer)
        return outcomes

    async def _enqueue(self, producer: AIOKafkaProducer, record: Outgoing) -> "asyncio.Future[Any] | KafkaError":
        try:
            future: asyncio.Future[Any] = await producer.send(
                self.topic, key=record.key, value=record.value, headers=record.headers
            )
        except MessageSizeTooLargeError as error:
            return error
        return future

    def _outcome(self, future: "asyncio.Future[Any] | KafkaError", failure: Exception | None) -> Outcome:
        if not isinstance(future, asyncio.Future):
            return Outcome("refused", self._explain(future))
        if not future.done():
            return Outcome("unknown", self._explain(failure))
        error = future.exception()
        if error is None:
            return Outcome("sent")
        return Outcome("refused" if isinstance(error, _OF_THE_RECORD) else "unknown", self._explain(error))

    async def _ready(self) -> AIOKafkaProducer:
        async with self._lock:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._servers,
                    acks="all",
                    enable_idempotence=True,
                    max_request_size=MAX_RECORD,
                    max_batch_size=128 * 1024,
                    request_timeout_ms=int(self._timeout * 500),  # its own reasons come before our timeout
                    metadata_max_age_ms=30_000,
                )
                try:
                    await producer.start()
                except BaseException:
                    await _discard(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _replace(self, producer: AIOKafkaProducer | None) -> None:
        if producer is None:
            return
        if producer is self._producer:
            self._producer = None
        await _discard(producer)

    def _explain(self, error: BaseException | None) -> str:
        match error:
            case TimeoutError():
                return f"no confirmation from Kafka at {self._servers} within {self._timeout:g} s"
            case KafkaConnectionError() | OSError():
                return f"Kafka does not answer at {self._servers}"
            case UnknownTopicOrPartitionError():
                return f"Kafka at {self._servers} has no topic {self.topic}"
            case TopicAuthorizationFailedError():
                return f"Kafka at {self._servers} does not allow this counter to write to {self.topic}"
            case MessageSizeTooLargeError() | RecordListTooLargeError():
                return f"too large for the topic (at most {MAX_RECORD:,} bytes): report this to the office"
            case _:
                return f"Kafka at {self._servers} failed ({type(error).__name__})"


async def _discard(producer: AIOKafkaProducer) -> None:
    """End a producer at once, without its flush, which would wait for a broker that may never come back."""
    producer._closed = True  # it warns otherwise that nobody stopped it
    accumulator = producer._message_accumulator
    batches = [*accumulator._pending_batches, *(batch for queue in accumulator._batches.values() for batch in queue)]
    accumulator.fail_all(KafkaError("this producer was replaced"))  # wakes everybody who shares it
    for batch in batches:
        batch._drain_waiter.exception()  # read, or asyncio complains that nobody did
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
    with suppress(KafkaError, OSError):
        await producer.client.close()
    if sender is not None:
        await asyncio.wait([sender], timeout=5)


def _retrieve(future: "asyncio.Future[Any]") -> None:
    """Nobody reads this outcome any more; asyncio would complain about it."""
    if not future.cancelled():
        future.exception()
