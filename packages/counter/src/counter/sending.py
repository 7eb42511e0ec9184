"""Sending what waits: in order, window by window, again until the broker confirmed it or there is no more patience."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from counter.queue import Message, Queue
from counter.submission import outgoing
from counter.transport import Outcome, Transport

WINDOW: Final = 500  # messages in flight
FIRST_PAUSE: Final = 0.2  # seconds
LONGEST_PAUSE: Final = 5.0
GRACE: Final = 3.0  # seconds that an interrupted window may still take


@dataclass(frozen=True, slots=True)
class Sending:
    """How far it is. `waiting_for` says why nothing moves, empty while it does."""

    sent: int
    refused: int
    left: int
    waiting_for: str = ""


@dataclass(slots=True)
class SendSummary:
    """What a send did. `left` are stored here still; `refused` are numbers with the reason."""

    sent: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    left: int = 0
    ended: Literal["done", "deadline", "interrupted"] = "done"
    error: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not self.refused and not self.left


async def drain(
    queue: Queue,
    transport: Transport,
    device_id: str,
    *,
    deadline: float,
    progress: Callable[[Sending], None] | None = None,
    stop: asyncio.Event | None = None,
) -> SendSummary:
    """Send all that is not confirmed. Gives up after `deadline` seconds in which nothing was; `stop` ends it sooner.

    A message whose outcome is unknown stays, and is sent again with the same bytes and id.
    """
    summary, stop = SendSummary(), stop or asyncio.Event()
    after, pause, last_success = 0, FIRST_PAUSE, time.monotonic()

    def tell(waiting_for: str = "") -> None:
        if progress:
            progress(Sending(summary.sent, len(summary.refused), queue.count_unsent(after), waiting_for))

    tell()
    while not stop.is_set() and (window := queue.unsent(after, WINDOW)):
        outcomes = await _attempt(transport, window, device_id, stop)
        unknown = _store_outcomes(queue, window, outcomes, summary)
        if any(outcome.state == "sent" for outcome in outcomes):
            pause, last_success = FIRST_PAUSE, time.monotonic()
        if unknown is None:
            after = window[-1].seq
            tell()
            continue
        after, summary.error = unknown[0].seq - 1, unknown[1]
        tell(summary.error)
        if time.monotonic() - last_success + pause > deadline:
            summary.ended = "deadline"
            break
        await _sleep(pause * random.uniform(0.5, 1.0), stop)  # noqa: S311 - apart from other counters, no secret
        pause = min(pause * 2, LONGEST_PAUSE)
    if stop.is_set():
        summary.ended = "interrupted"
    summary.left = queue.count_waiting()
    return summary


async def _attempt(transport: Transport, window: list[Message], device_id: str, stop: asyncio.Event) -> list[Outcome]:
    """Send one window. When stopped it may end within the grace; after that its outcome is unknown."""
    sending = asyncio.ensure_future(transport.send([outgoing(message, device_id) for message in window]))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([sending, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            await asyncio.wait([sending], timeout=GRACE)
        if sending.done():
            return sending.result()
        return [Outcome("unknown", "interrupted before Kafka confirmed it")] * len(window)
    finally:
        sending.cancel()
        stopping.cancel()


def _store_outcomes(
    queue: Queue, window: list[Message], outcomes: list[Outcome], summary: SendSummary
) -> tuple[Message, str] | None:
    """Returns the first message whose outcome is unknown, and why."""
    pairs = list(zip(window, outcomes, strict=True))
    sent = [message.seq for message, outcome in pairs if outcome.state == "sent"]
    refused = [(message.seq, outcome.message) for message, outcome in pairs if outcome.state == "refused"]
    unknown = [(message, outcome.message) for message, outcome in pairs if outcome.state == "unknown"]
    queue.mark(
        sent=sent,
        refused=refused,
        unknown=[(message.seq, why) for message, why in unknown],
        now=datetime.now(UTC).isoformat(),
    )
    summary.sent += len(sent)
    refused_before = {seq for seq, _ in summary.refused}
    summary.refused += [(seq, why) for seq, why in refused if seq not in refused_before]
    return unknown[0] if unknown else None


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
