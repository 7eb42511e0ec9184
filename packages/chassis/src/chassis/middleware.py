"""ASGI middleware around every service: bodies within limits, HEAD as GET, every answer timed, any error survived."""

import asyncio
import time
from collections.abc import Set as AbstractSet
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import answers
from chassis.access.settings import is_loopback
from chassis.incoming import Incoming
from chassis.problems import MALFORMED, MISDIRECTED, Problem

METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class Middleware:
    """The outermost layer. When `stopping` is set streams end: they are cancelled as if the client had gone.

    `hosts`: the names that requests may be for, see `refuse_foreign_host`; None: any.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        incoming: Incoming,
        stopping: asyncio.Event,
        seconds: Histogram,
        hosts: AbstractSet[str] | None = None,
    ) -> None:
        self.app, self.incoming, self.stopping, self.seconds, self.hosts = app, incoming, stopping, seconds, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method, began = scope["method"], time.perf_counter()
        scope = {**scope, "method": "GET"} if method == "HEAD" else scope
        with self.incoming.body(scope, receive) as body:
            sender = _Sender(send, without_body=method == "HEAD")
            try:
                if self.hosts is not None:
                    refuse_foreign_host(scope, self.hosts)
                refuse_unreadable_address(scope)
                content = await body.read()
                await self.app(scope, self._replay(content, receive), sender)
                if sender.status and not sender.complete and self.stopping.is_set():
                    await sender({"type": "http.response.body"})  # the stream was cut off: end it in good order
            except Problem as problem:
                if not body.complete:
                    problem.headers["Connection"] = "close"  # what is left of the body is no next request
                await answers.respond(problem)(scope, receive, sender)
            except Exception as error:
                if sender.status:
                    raise  # half an answer cannot be mended: the server closes the connection
                await answers.unexpected(error, label(method), route_of(scope))(scope, receive, sender)
            finally:
                took = time.perf_counter() - began
                self.seconds.labels(label(method), route_of(scope), sender.status).observe(took)

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


class _Sender:
    """Sends the answer on and remembers how far it is; of one to HEAD all but the body."""

    def __init__(self, send: Send, *, without_body: bool) -> None:
        self._send, self._without_body = send, without_body
        self.status, self.complete = 0, False

    async def __call__(self, message: Message) -> None:
        if self._without_body and self.complete:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.complete = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)
        if self._without_body and message["type"] == "http.response.start":
            self.complete = True
            await self._send({"type": "http.response.body"})


def label(method: str) -> str:
    """The method for metrics and logs: whoever asks may write there what they like."""
    return method if method in METHODS else "other"


def route_of(scope: Scope) -> str:
    """The template of the route, never the path itself: it may hold ids."""
    return getattr(scope.get("route"), "path", "") or "none"


def refuse_foreign_host(scope: Scope, hosts: AbstractSet[str]) -> None:
    """Raises Problem(MISDIRECTED) for a `Host` other than these, this machine, and the address that was connected to.

    Starlette's TrustedHostMiddleware knows neither problems nor that address, by which probes ask.
    """
    told = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    host = hostname(told[0]) if len(told) == 1 else ""
    connected_to = scope["server"][0] if scope.get("server") else None
    if not (host and (host in hosts or host == connected_to or is_loopback(host))):
        raise Problem(MISDIRECTED, "Ask by a name that the service knows as its own: its setting HTTP_HOSTS.")


def hostname(text: str) -> str:
    """The host of `host` or `host:port`, in lower case and without brackets; empty where it is something else."""
    try:
        parts = urlsplit(f"//{text}")
        _ = parts.port
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.netloc == text and "@" not in text else ""


def refuse_unreadable_address(scope: Scope) -> None:
    """Raises Problem(MALFORMED) when path or query are not UTF-8 or hold a NUL."""
    raw: bytes = scope.get("raw_path") or b""
    try:
        text = unquote_to_bytes(raw).decode() + unquote_to_bytes(scope["query_string"]).decode()
    except UnicodeDecodeError:
        raise Problem(MALFORMED, "The address is not valid UTF-8.") from None
    if "\x00" in text:
        raise Problem(MALFORMED, "The address holds a NUL character.")
