"""ASGI middleware around every service: reads bodies within a limit, refuses unreadable ones, survives any error."""

import asyncio
import json
import re
import time
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import structlog
from prometheus_client import Histogram
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import answers
from chassis.problems import INVALID, MALFORMED, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, Problem

log = structlog.get_logger(__name__)

_JSON: Final = re.compile(r"^application/([\w.+-]+\+)?json\s*(;|$)", re.IGNORECASE)
FORM: Final = "application/x-www-form-urlencoded"
_ESCAPES: Final = re.compile(rb"\\u(0000|[dD][89abAB])")  # NUL and surrogates: PostgreSQL stores neither
_DRAIN: Final = 16  # how many times the limit is read and thrown away, so that the client hears the answer


class Middleware:
    """The outermost layer. When `stopping` is set streams end: they are cancelled as if the client had gone."""

    def __init__(self, app: ASGIApp, *, max_body: int, stopping: asyncio.Event, seconds: Histogram) -> None:
        self.app, self.max_body, self.stopping, self.seconds = app, max_body, stopping, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, complete = time.perf_counter(), 0, False

        async def sending(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            refuse_unreadable_address(scope)
            body = await read_body(scope, receive, self.max_body)
            await self.app(scope, self._replay(body, receive), sending)
            if status and not complete and self.stopping.is_set():
                await send({"type": "http.response.body"})  # the stream was cut off: end it in good order
        except Problem as problem:
            await answers.respond(problem)(scope, receive, sending)
        except Exception as error:
            if status:
                raise  # half an answer cannot be mended: the server closes the connection
            await answers.unexpected(error, scope["method"], route_of(scope))(scope, receive, sending)
        finally:
            self.seconds.labels(scope["method"], route_of(scope), status).observe(time.perf_counter() - began)

    def _replay(self, body: bytes, receive: Receive) -> Receive:
        """Gives the app the body once, then waits for what ends the request."""
        given = False

        async def replay() -> Message:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": body, "more_body": False}
            gone = asyncio.ensure_future(receive())
            stop = asyncio.ensure_future(self.stopping.wait())
            try:
                await asyncio.wait([gone, stop], return_when=asyncio.FIRST_COMPLETED)
                return gone.result() if gone.done() else {"type": "http.disconnect"}
            finally:
                gone.cancel()
                stop.cancel()

        return replay


def route_of(scope: Scope) -> str:
    """The template of the route, never the path itself: it may hold ids."""
    return getattr(scope.get("route"), "path", "") or "none"


def refuse_unreadable_address(scope: Scope) -> None:
    """Raises Problem(MALFORMED) when path or query are not UTF-8 or hold a NUL."""
    raw: bytes = scope.get("raw_path") or b""
    try:
        text = unquote_to_bytes(raw).decode() + unquote_to_bytes(scope["query_string"]).decode()
    except UnicodeDecodeError:
        raise Problem(MALFORMED, "The address is not valid UTF-8.") from None
    if "\x00" in text:
        raise Problem(MALFORMED, "The address holds a NUL character.")


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises a Problem when it is too large, not JSON by its type, not UTF-8, or has NUL in it."""
    headers = Headers(scope=scope)
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit * _DRAIN:
        raise Problem(TOO_LARGE, limit=limit)
    chunks: list[bytes] = []
    size, more = 0, True
    while more and size <= limit * _DRAIN:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(MALFORMED, "The body is not complete.")
        chunk: bytes = message.get("body", b"")
        more, size = message.get("more_body", False), size + len(chunk)
        if size <= limit:
            chunks.append(chunk)
    if size > limit:
        raise Problem(TOO_LARGE, limit=limit)
    body = b"".join(chunks)
    if body and scope["method"] in {"POST", "PUT", "PATCH"} and not is_form(scope["path"], headers):
        if not _JSON.match(headers.get("content-type", "")):
            raise Problem(UNSUPPORTED_MEDIA_TYPE, headers={"Accept": "application/json"})
        refuse_unreadable_json(body)
    return body


def is_form(path: str, headers: Headers) -> bool:
    """Whether a page sends it: never to the API, whose bodies are JSON."""
    return not path.startswith("/v1/") and headers.get("content-type", "").startswith(FORM)


def refuse_unreadable_json(body: bytes) -> None:
    """Raises a Problem for bytes that are not UTF-8, and for JSON with characters that no database stores."""
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Problem(MALFORMED, "The body is not valid UTF-8.") from None
    if b"\x00" in body:
        raise Problem(MALFORMED, "The body holds a NUL character.")
    if _ESCAPES.search(body):
        try:
            pointers = list(unstorable(json.loads(body), []))
        except (ValueError, RecursionError):
            return  # not JSON at all: the app says so
        if pointers:
            errors = [
                {"detail": "NUL and lone surrogates are not allowed.", "pointer": pointer} for pointer in pointers[:50]
            ]
            raise Problem(INVALID, errors=errors)


def unstorable(value: Any, path: list[Any]) -> Any:
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
