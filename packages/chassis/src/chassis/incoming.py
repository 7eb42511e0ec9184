"""Reads the body of a request: within limits of size, of time and of memory for all together, and only what is JSON."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from chassis import answers
from chassis.problems import BUSY, INVALID, MALFORMED, TOO_LARGE, TOO_SLOW, UNSUPPORTED_MEDIA_TYPE, Problem
from contracts.faults import BOM
from exactly_once.twice import member_twice

MIB: Final = 1024 * 1024
FORM: Final = "application/x-www-form-urlencoded"
WITH_BODY: Final = {"POST", "PUT", "PATCH"}
_JSON: Final = re.compile(r"^application/([\w.+-]+\+)?json\s*(;|$)", re.IGNORECASE)
_ESCAPES: Final = re.compile(rb"\\u(0000|[dD][89abAB])")  # NUL and surrogates: PostgreSQL stores neither


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What bodies may take: bytes of one, bytes of all together, seconds until one is complete.

    What is larger than `one` is read and thrown away up to `drained`, so that its client hears why it was refused.
    The first `small` bytes of a body do not count for `together`: what is short comes through beside whatever is long.
    """

    one: int = MIB
    together: int = 64 * MIB
    seconds: float = 30.0
    drained: int = 256 * MIB
    small: int = 16 * 1024


class Incoming:
    """The bodies that are being read or handled."""

    def __init__(self, limits: BodyLimits) -> None:
        self._limits = limits
        self.held = 0

    @contextmanager
    def body(self, scope: Scope, receive: Receive) -> "Iterator[_Body]":
        """A body, whose memory is given back at the end."""
        body = _Body(self, self._limits, scope, receive)
        try:
            yield body
        finally:
            self.held -= body.counted


class _Body:
    def __init__(self, all_of_them: Incoming, limits: BodyLimits, scope: Scope, receive: Receive) -> None:
        self._all, self._limits, self._scope, self._receive = all_of_them, limits, scope, receive
        self.counted, self.complete = 0, False

    async def read(self) -> bytes:
        """All of it. Raises a Problem when it is too large, too slow, not JSON by its type, not readable."""
        headers = Headers(scope=self._scope)
        self._refuse_declared(headers)
        try:
            async with asyncio.timeout(self._limits.seconds):
                body = await self._whole()
        except TimeoutError:
            raise Problem(TOO_SLOW, f"The request must be complete within {self._limits.seconds:g} seconds.") from None
        if body and self._scope["method"] in WITH_BODY and not is_form(self._scope["path"], headers):
            if not _JSON.match(headers.get("content-type", "")):
                raise Problem(UNSUPPORTED_MEDIA_TYPE, headers={"Accept": "application/json"})
            refuse_unreadable_json(body)
        return body

    def _refuse_declared(self, headers: Headers) -> None:
        """Refuses a length beyond all measure unread, and one that is too large where the client waits to be asked."""
        declared = headers.get("content-length", "")
        size = int(declared) if declared.isdecimal() and declared.isascii() else 0
        asks = headers.get("expect", "").lower() == "100-continue"
        if size > (self._limits.one if asks else self._limits.drained):
            raise Problem(TOO_LARGE, limit=self._limits.one)

    async def _whole(self) -> bytes:
        chunks: list[bytes] = []
        size, more = 0, True
        while more and size <= self._limits.drained:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Problem(MALFORMED, "The body is not complete.")
            chunk: bytes = message.get("body", b"")
            more, size = message.get("more_body", False), size + len(chunk)
            if size <= self._limits.one:
                self._count(size)
                chunks.append(chunk)
            else:
                chunks.clear()
        self.complete = not more
        if size > self._limits.one:
            raise Problem(TOO_LARGE, limit=self._limits.one)
        return b"".join(chunks)

    def _count(self, size: int) -> None:
        counts = max(0, size - self._limits.small)
        if self._all.held + counts - self.counted > self._limits.together:
            raise Problem(BUSY, "Too much is being sent at once. Try again in a moment.", headers={"Retry-After": "2"})
        self._all.held += counts - self.counted
        self.counted = counts


def is_form(path: str, headers: Headers) -> bool:
    """Whether a page sends it: never to the API, whose bodies are JSON."""
    return not path.startswith("/v1/") and headers.get("content-type", "").startswith(FORM)


def refuse_unreadable_json(body: bytes) -> None:
    """Raises a Problem for what is not UTF-8, for a member that is there twice, for what no database stores."""
    if body.startswith(BOM):
        raise Problem(MALFORMED, "The body begins with a byte order mark (BOM): send JSON in UTF-8 without it.")
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Problem(MALFORMED, "The body is not valid UTF-8.") from None
    if b"\x00" in body:
        raise Problem(MALFORMED, "The body holds a NUL character.")
    refuse_unstorable(body)
    if where := member_twice(body):
        raise Problem(MALFORMED, f"A member is there twice in one object: {where}.")


def refuse_unstorable(body: bytes) -> None:
    """Raises Problem(INVALID) for characters that no database stores."""
    if not _ESCAPES.search(body):
        return
    try:
        pointers = list(unstorable(json.loads(body), []))
    except (ValueError, RecursionError):
        return
    if pointers:
        errors = [{"detail": "NUL and lone surrogates are not allowed.", "pointer": pointer} for pointer in pointers]
        raise Problem(INVALID, errors=errors[:50])


def unstorable(value: Any, path: list[Any]) -> Iterator[str]:
    """Pointers to the texts (and the objects with names) that have a NUL or a lone surrogate in them."""
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            yield answers.pointer(path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unstorable(item, [*path, index])
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from unstorable(name, path)
            yield from unstorable(item, [*path, name.replace("\x00", "")])
