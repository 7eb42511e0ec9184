"""A service's connections: so many at once, a request's head in time, an answer that is read; problems where not."""

import asyncio
import json
import resource
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from chassis.answers import MEDIA_TYPE
from chassis.problems import BUSY, MALFORMED, TOO_SLOW, Problem

_OTHER_FILES: Final = 100  # what a process opens beside its clients' connections: databases, brokers, logs


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Connections at once; seconds until the head of a request is complete; seconds in which an answer is taken."""

    at_once: int = 1000
    head_seconds: float = 15.0
    unread_seconds: float = 60.0

    @property
    def open_files(self) -> int:
        """Connections at once, within what the process may open."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return self.at_once if soft == resource.RLIM_INFINITY else max(10, min(self.at_once, soft - _OTHER_FILES))


def protocol(limits: ConnectionLimits) -> type[H11Protocol]:
    """uvicorn's protocol within these limits."""
    return type("Limited", (_Limited,), {"limits": limits, "most": limits.open_files})


class _Limited(H11Protocol):
    limits: ConnectionLimits
    most: int
    _late: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self._close(Problem(BUSY, "Too many are connected. Try again in a moment."))
        else:
            self._watch_head()

    def data_received(self, data: bytes) -> None:
        if not self.transport.is_closing():
            super().data_received(data)
            self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching_head()
        self._stop_watching_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._unread = self.loop.call_later(self.limits.unread_seconds, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stop_watching_reader()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        self._close(Problem(MALFORMED, "It cannot be read as HTTP."))

    def _watch_head(self) -> None:
        """Counts the time while a request's head is not complete; between two requests uvicorn counts it."""
        if self.conn.their_state is not h11.IDLE:
            self._stop_watching_head()
        elif self._late is None:
            self._late = self.loop.call_later(self.limits.head_seconds, self._too_late)

    def _stop_watching_head(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _stop_watching_reader(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _too_late(self) -> None:
        self._close(Problem(TOO_SLOW, f"The head must be complete within {self.limits.head_seconds:g} seconds."))

    def _close(self, problem: Problem) -> None:
        """Answers without a request that could be read, and hangs up."""
        if self.transport.is_closing():
            return
        self.transport.write(as_bytes(problem))
        self.transport.close()


def as_bytes(problem: Problem) -> bytes:
    """A whole answer as it goes over the wire."""
    body = json.dumps(problem.body()).encode()
    status = HTTPStatus(problem.kind.status)
    head: dict[str, Any] = {"content-type": MEDIA_TYPE, "content-length": len(body), "connection": "close"}
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in head.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
