"""The local stack: Kafka and PostgreSQL side by side, and the services on top, for the length of a `with` block."""

import json
import os
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Self, TypedDict, TypeVar

from stack import issuer
from stack.errors import StackError
from stack.home import REPOSITORY, Home, default_home, write_environment
from stack.kafka import Kafka
from stack.ports import HOST, check_free, port_for
from stack.postgres import Database, Postgres
from stack.processes import Child, Processes, stop
from stack.progress import Report, Timings, silent, timed
from stack.services import SERVICES, Service

T = TypeVar("T")


ISSUER_PORT = "JB_ISSUER_PORT"


def token(home: Home, issued_by: str, role: str, *, seconds: int, **claims: Any) -> str:
    """A bearer token of the stack in this folder. Raises ValueError for a role that there is not."""
    key = home.secret("ISSUER_KEY", issuer.new_key)
    return issuer.signed(key, issued_by, issuer.user(role) | claims, seconds=seconds)


class _Surroundings(TypedDict):
    cwd: Path
    env: Mapping[str, str]


class LocalStack:
    """Everything that was started is stopped again when the block ends, however it ends."""

    def __init__(
        self,
        home: Path | None = None,
        *,
        services: bool | Sequence[Service] = True,
        kafka: Mapping[str, str] | None = None,
        progress: Report = silent,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.home = Home((home or default_home(environ)).resolve())
        self.services = tuple(SERVICES if services is True else services or ())
        self.report = Timings(progress)
        self.urls: dict[str, str] = {}
        self.databases: dict[str, Database] = {}
        self.children: dict[str, Child] = {}
        self._environ = environ
        self._kafka_settings = kafka
        self._open = ExitStack()
        self._processes = Processes(self.home.path)
        self._kafka: Kafka | None = None
        self._postgres: Postgres | None = None
        self._ports: dict[str, int] = {}
        self.issuer = ""  # its address

    @property
    def kafka(self) -> Kafka:
        return _started(self._kafka)

    @property
    def postgres(self) -> Postgres:
        return _started(self._postgres)

    @property
    def bootstrap_servers(self) -> str:
        return self.kafka.bootstrap_servers

    @property
    def env(self) -> dict[str, str]:
        """All variables that the services are started with; commands of theirs run with the same."""
        merged = {"KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers}
        for service in self.services:
            merged.update(self._environment(service))
        return merged

    def token(self, role: str, *, seconds: int = 10 * 365 * issuer.DAY, **claims: Any) -> str:
        """A bearer token of the local user of a role; it lives as long as the stack, and then some."""
        return token(self.home, self.issuer, role, seconds=seconds, **claims)

    def bearer(self, role: str = "administrator") -> dict[str, str]:
        """The header that makes a request one of that role."""
        return {"Authorization": f"Bearer {self.token(role)}"}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Return when everything answers. On any trouble, and on Ctrl-C, stop what was started and raise."""
        self._open.enter_context(self.home)
        try:
            self._processes.sweep()
            home, processes, environ = self.home.path, self._processes, self._environ
            self._kafka = Kafka(
                home, settings=self._kafka_settings, processes=processes, report=self.report, environ=environ
            )
            self._postgres = Postgres(home, processes=processes, environ=environ)
            self._ports = {s.name: port_for(s.name, s.port_variable, self._environ) for s in self.services}
            if self.services:
                self._ports["issuer"] = port_for("issuer", ISSUER_PORT, self._environ)
            issuers = [self._start_issuer] if self.services else []
            self._together(self._start_kafka, self._start_postgres, *issuers)
            self._together(*(partial(self._prepare, service) for service in self.services))
            self._together(*(partial(self._serve, service) for service in self.services))
            for service in self.services:
                write_environment(self.home.path / f"{service.name}.env", self._environment(service))
            write_environment(self.home.env_file, self._published())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Services first, so that none complains of what is gone; then Kafka and PostgreSQL side by side."""
        with _undisturbed():
            stop(self.children.values())
            self._processes.stop_all()
            self._open.close()

    def call_off(self) -> None:
        """Let nothing new start: it is about to be stopped."""
        self._processes.cancelled.set()

    def start_service(self, name: str) -> None:
        """Start a service again, after `stop_service` or its own end; return when it is ready."""
        self._serve(next(s for s in self.services if s.name == name))

    def stop_service(self, name: str) -> None:
        stop([self.children.pop(name)])

    def start_again(self, name: str) -> None:
        """Start a server or a service that has ended, on the same data and port; return when it is ready.

        A service whose work has ended by a verdict is stopped first. Raises StackError when the verdict stands.
        """
        servers = {"kafka": self.kafka.start, "postgres": self.postgres.start, "issuer": self._start_issuer}
        if name in self.children:
            self.stop_service(name)
        servers.get(name, partial(self.start_service, name))()
        if line := self.dead().get(name):
            raise StackError(line)

    def dead(self) -> dict[str, str]:
        """What has ended although nobody asked it to, and services that only answer, with a line that says how."""
        parts = [self.kafka.child, self.postgres.child, *self.children.values()]
        ended = {c.name: str(c.failure("serving")) for c in parts if c and not c.alive}
        serving = {name: url for name, url in self.urls.items() if name in self.children and name not in ended}
        verdicts = {name: _Health(f"{url}/health/ready").verdict() for name, url in serving.items()}
        return ended | {
            name: f"{name} answers, but its work has ended: {line}" for name, line in verdicts.items() if line
        }

    def _start_kafka(self) -> None:
        with timed("Kafka", self.report):
            self.kafka.start()

    def _start_postgres(self) -> None:
        with timed("PostgreSQL", self.report):
            self.postgres.start()
            for service in self.services:
                self.databases[service.name] = self.postgres.create_service_database(service.name)

    def _start_issuer(self) -> None:
        port = self._ports["issuer"]
        check_free(port, "issuer", ISSUER_PORT)
        keys = json.dumps([self.home.secret("ISSUER_KEY", issuer.new_key)])
        env = {**self._environ, "JB_ISSUER_KEYS": keys, "PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-P", "-m", "stack.issuer", str(port)]
        self.issuer = f"http://{HOST}:{port}"
        child = self._processes.spawn("issuer", command, cwd=self.home.path, env=env)
        self.children["issuer"] = child
        health = _Health(f"{self.issuer}/.well-known/openid-configuration")
        self._processes.wait_until(health.is_ready, child, "getting ready", hint=lambda: health.answer)

    def _prepare(self, service: Service) -> None:
        with timed(f"{service.name} {'+'.join(service.prepare)}", self.report):
            around = self._surroundings(service)
            for verb in service.prepare:
                self._processes.run(f"{service.name}-{verb}", _command(service, verb), f"running {verb}", **around)

    def _serve(self, service: Service) -> None:
        with timed(service.name, self.report):
            port = self._ports[service.name]
            check_free(port, service.name, service.port_variable)
            child = self._processes.spawn(service.name, _command(service, "serve"), **self._surroundings(service))
            self.children[service.name] = child
            self.urls[service.name] = url = f"http://{HOST}:{port}"
            health = _Health(f"{url}/health/ready")
            self._processes.wait_until(health.has_started, child, "getting ready", hint=lambda: health.answer)

    def _surroundings(self, service: Service) -> _Surroundings:
        # In the state folder, so that no settings file of wherever somebody stands is read.
        return {"cwd": self.home.path, "env": {**self._environ, **self._environment(service)}}

    def _environment(self, service: Service) -> Mapping[str, str]:
        database, port = self.databases[service.name], self._ports[service.name]
        return service.environment(self.home, self.bootstrap_servers, database, self.issuer, HOST, port)

    def _published(self) -> dict[str, str]:
        """`stack.env`: what other programs need to drive this stack."""
        tokens = {f"TOKEN_{role.upper()}": self.token(role) for role in issuer.ROLES} if self.issuer else {}
        known = {"OIDC_ISSUER": self.issuer, "TOKEN": tokens["TOKEN_ADMINISTRATOR"]} if self.issuer else {}
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            **known,
            **tokens,
            **{f"{name.upper()}_URL": url for name, url in sorted(self.urls.items())},
            **{f"{name.upper()}_DATABASE_URL": database.url for name, database in sorted(self.databases.items())},
        }

    def _together(self, *jobs: Callable[[], None]) -> None:
        """Run jobs side by side; the first failure, or Ctrl-C, calls off the others."""
        if not jobs:
            return
        pool = ThreadPoolExecutor(len(jobs))
        try:
            for done in as_completed([pool.submit(job) for job in jobs]):
                done.result()
        except BaseException:
            self._processes.cancel()
            raise
        finally:
            pool.shutdown()


class _Health:
    """Asks a service how it is, and remembers what it answered instead of being ready."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.answer = ""

    def has_started(self) -> bool:
        """Whether it is ready, or will not be before a person has decided."""
        return self.is_ready() or bool(_verdict_in(self.answer))

    def verdict(self) -> str:
        """Why its work has ended while it answers; nothing where it works, or does not answer."""
        return "" if self.is_ready() else _verdict_in(self.answer)

    def is_ready(self) -> bool:
        """Whether it answers that all is well."""
        try:
            with urllib.request.urlopen(self._url, timeout=5) as answer:  # noqa: S310  ours, on 127.0.0.1
                return bool(answer.status == 200)
        except urllib.error.HTTPError as e:
            self.answer = e.read(10_000).decode(errors="replace")
        except OSError:  # not yet listening
            pass
        return False


def _verdict_in(answer: str) -> str:
    with suppress(ValueError, AttributeError):
        return str(json.loads(answer).get("verdict") or "")
    return ""


@contextmanager
def interruptible() -> Iterator[None]:
    """Let a request to end (SIGTERM, a closed terminal) be what Ctrl-C is: an exception that unwinds and stops all.

    An ignored SIGINT stays ignored: whoever starts a program in the background means Ctrl-C for another one.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with _handled(interrupt, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not leave half of it running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handled(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def _handled(handler: Callable[..., object] | signal.Handlers, *signals: signal.Signals) -> Iterator[None]:
    before = {which: signal.signal(which, handler) for which in signals}
    try:
        yield
    finally:
        for which, earlier in before.items():
            signal.signal(which, earlier)


def _command(service: Service, verb: str) -> list[str]:
    # -P: the folder it starts in has folders named kafka and postgres, which are no packages.
    return [sys.executable, "-P", "-m", service.name, verb]


def _started(part: T | None) -> T:
    if part is None:
        raise RuntimeError("the stack was not started")
    return part
