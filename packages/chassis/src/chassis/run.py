"""Runs the components of a process until a signal, a verdict or a failure, and stops them in good order."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Self

import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from chassis.access import Access
from chassis.connections import ConnectionLimits, protocol
from chassis.db import Pool
from chassis.health import Component, Health
from chassis.logging import mask
from chassis.migrate import Source
from chassis.probes import DatabaseProbe
from chassis.settings import ProcessSettings
from exactly_once import OwnTopics, Subscription
from exactly_once.errors import FAILED, VERDICT, Misconfigured, Stop

log = structlog.get_logger(__name__)

Role = Literal["api", "worker", "relay"]
ROLES: Final[tuple[Role, ...]] = ("api", "worker", "relay")


@dataclass
class App:
    """The parts of a service. `async with app:` opens its pools (waiting for the database) and closes them.

    `registry` has the components' metrics: a process without the API shows them too. For the verbs about dead letters:
    `subscriptions` are what its worker applies, `own` compares what it publishes. `access` guards the health and
    metrics of a process without the API.
    """

    settings: ProcessSettings
    components: Mapping[Role, Sequence[Component]]
    migrations: Sequence[Source] = ()
    pools: Sequence[Pool] = ()
    registry: CollectorRegistry | None = None
    subscriptions: Sequence[Subscription] = ()
    own: OwnTopics | None = None
    access: Access | None = None
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack, repr=False)

    @property
    def http(self) -> FastAPI:
        return next(c.app for c in self.components["api"] if isinstance(c, HttpServer))

    def of(self, roles: Sequence[Role]) -> list[Component]:
        wanted = dict.fromkeys(c for role in roles for c in self.components.get(role, ()))  # each once
        return [*wanted, *(DatabaseProbe(pool) for pool in self.pools)]

    async def __aenter__(self) -> Self:
        for pool in self.pools:
            await self._stack.enter_async_context(pool)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the supervisor has them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class HttpServer:
    """Component: serves an app. Port 0 takes a free one; `port` tells which once it is ready."""

    name = "http"

    def __init__(
        self, app: FastAPI, host: str, port: int, *, drain: float = 5.0, limits: ConnectionLimits | None = None
    ) -> None:
        """`drain` is how many seconds requests under way get when the process stops; `limits`: of connections."""
        self.app, self.host, self.port = app, host, port
        self._server = _Server(
            uvicorn.Config(
                app, http=protocol(limits or ConnectionLimits()), lifespan="off",
                log_config=None, access_log=False, server_header=False,
                timeout_graceful_shutdown=max(1, int(drain)),
            )
        )  # fmt: skip

    async def run(self) -> None:
        """Until cancelled. Raises Misconfigured when the address cannot be had."""
        listening = self._listen()
        self.port = listening.getsockname()[1]
        serving = asyncio.create_task(self._server.serve(sockets=[listening]), name="uvicorn")
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self.app.state.stopping.set()
            self._server.should_exit = True
            await serving
            raise
        finally:
            listening.close()

    def problems(self) -> list[str]:
        """Not ready before the port is open."""
        return [] if self._server.started else ["starting"]

    def _listen(self) -> socket.socket:
        try:
            family, *_, where = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            # Named as TCP, or asyncio leaves Nagle's algorithm on: 40 ms for every answer on a kept connection.
            listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(where)
            listening.listen(2048)
            listening.setblocking(False)
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise Misconfigured(f"cannot listen on {self.host} port {self.port}: {reason}") from error
        return listening


async def supervise(
    components: Sequence[Component],
    *,
    service: str,
    serves: bool = False,
    grace: float = 10.0,
    die: Callable[[int], object] = os._exit,
) -> int:
    """Runs the components until SIGTERM or SIGINT (0), a Stop (its code) or a failure (1); returns the exit code.

    A process that `serves` the API outlives a Verdict: its component alone ends, health and a line say why, and the
    exit code is the Verdict's whenever it is stopped.
    `grace`: seconds for the orderly stop; after it, or at a second signal, the process ends at once by `die`.
    While the others stop, the HTTP server still answers, with readiness 503 and the reason.
    """
    health = Health(components)
    for component in components:
        if isinstance(component, HttpServer):
            component.app.state.health = health
    signalled, code = asyncio.Event(), 0

    def on_signal() -> None:
        if signalled.is_set():
            die(code or FAILED)
        signalled.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    tasks = {asyncio.create_task(c.run(), name=c.name): c for c in components}
    signal_task = asyncio.create_task(signalled.wait(), name="signal")
    try:
        running, ended_with = dict(tasks), 0
        while True:
            await asyncio.wait([*running, signal_task], return_when=asyncio.FIRST_COMPLETED)
            code, line = _why(running, service)
            if line:
                print(line, file=sys.stderr, flush=True)  # noqa: T201
            if not serves or code != VERDICT or signalled.is_set():
                break
            health.verdict, ended_with = line, code
            running = {task: component for task, component in running.items() if not task.done()}
        code, health.ending = max(code, ended_with), line or "stopping"
        signalled.set()  # from here on a signal is the second
        if late := await _stop(tasks, grace):
            log.error("did not stop in time", components=late, seconds=grace)
            die(code or FAILED)
        return code
    finally:
        for task in (signal_task, *tasks):
            task.cancel()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _stop(tasks: Mapping[asyncio.Task[None], Component], grace: float) -> list[str]:
    """Streams end and workers stop first, HTTP last, so that readiness tells why until the end. Returns who is late."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace
    for component in tasks.values():
        if isinstance(component, HttpServer):
            component.app.state.stopping.set()
    for last in (False, True):
        some = [task for task, component in tasks.items() if isinstance(component, HttpServer) is last]
        for task in some:
            task.cancel()
        if some:
            await asyncio.wait(some, timeout=max(0.0, deadline - loop.time()))
    for task in tasks:
        error = task.exception() if task.done() and not task.cancelled() else None
        if error is not None and not isinstance(error, Stop):
            log.error("component failed", component=task.get_name(), exc_info=error)
    return sorted(task.get_name() for task in tasks if not task.done())


def _why(tasks: Mapping[asyncio.Task[None], Component], service: str) -> tuple[int, str]:
    """Exit code and line: the weightiest of the components that ended; 0 and nothing when none did."""
    ends = [_end(task, service) for task in tasks if task.done()]
    return max(ends, default=(0, ""))


def _end(task: asyncio.Task[None], service: str) -> tuple[int, str]:
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    if error is None:
        return FAILED, f"{service}: {task.get_name()} ended by itself"
    if isinstance(error, Stop):
        return error.exit_code, mask(f"{service}: {error}")
    return FAILED, f"{service}: {task.get_name()} failed: {type(error).__name__}, the log says more"
