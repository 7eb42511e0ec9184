"""A service from what tells it from the others: its pools, processes, command line and common routes follow."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI

import chassis
import exactly_once
from chassis import apis, audit, dead_letters
from chassis.access import Access, PerMinute, Table, login
from chassis.access.issuer import Issuer
from chassis.access.login import Login
from chassis.access.sessions import Sessions
from chassis.access.settings import INNER_NETWORK
from chassis.access.tokens import Tokens
from chassis.connections import ConnectionLimits
from chassis.db import Pool, create_pool
from chassis.health import Component
from chassis.http import create_app
from chassis.metrics import new_registry
from chassis.migrate import Source
from chassis.probes import KafkaProbe
from chassis.run import App, HttpServer
from chassis.settings import ServiceSettings
from exactly_once import Consumer, DeadLetters, FactTable, OwnTopics, Relay, Subscription
from exactly_once.metrics import Metrics


def migrations(name: str, folder: Path) -> list[Source]:
    """Those of the packages, then the service's own, in `folder`."""
    return [
        Source("chassis", chassis.migrations_dir()),
        Source("exactly_once", exactly_once.migrations_dir()),
        Source(name, folder),
    ]


class Service:
    """The parts that every service has. Made inside the event loop; connects nothing, `App` does."""

    def __init__(
        self,
        name: str,
        settings: ServiceSettings,
        *,
        migrations: Sequence[Source],
        publishes: Sequence[FactTable[Any]] = (),
        server: dict[str, str] | None = None,
        batches: dict[str, str] | None = None,
        **connect: Any,
    ) -> None:
        """`publishes`: the tables of the facts that the service alone writes; a relay publishes them.

        `server` are PostgreSQL's settings of every connection, `batches` those of the consumer's where they are others:
        its pool is its own, so that requests which hold all of the API's hold up no batch. `connect` are further
        arguments of `asyncpg.create_pool`.
        """
        self.name, self.settings, self.migrations = name, settings, migrations
        self.pool = self._pool(name, settings.database_pool_size, server, connect)
        self.batches = self._pool(f"{name}-worker", 3, server if batches is None else batches, connect)
        self.registry = new_registry()
        self.own = OwnTopics(settings, self.pool, publishes) if publishes else None

    @property
    def verified(self) -> OwnTopics:
        """What commands ask before they decide; of a service that publishes."""
        assert self.own is not None
        return self.own

    def app(
        self,
        *,
        subscriptions: Sequence[Subscription],
        routers: Sequence[APIRouter],
        access: Table,
        rates: PerMinute | None = None,
        components: Sequence[Component] = (),
        workers: Sequence[Component] = (),
        pages: Callable[[FastAPI], None] | None = None,
    ) -> App:
        """The service, ready to run.

        `components` are beside the HTTP server, in every process with the API; `workers` beside the consumer. `access`
        says who may use which of its own routes, `rates` how often a minute; `pages` adds those for people. Raises
        Misconfigured when a route has no line, or a line no route.
        """
        settings, own = self.settings, [] if self.own is None else [self.own]
        metrics, kafka = Metrics(self.registry), KafkaProbe(settings.kafka_bootstrap_servers)
        plain = settings.oidc_plain_http == INNER_NETWORK
        issuer = [] if settings.oidc_issuer is None else [Issuer(settings.oidc_issuer, plain=plain)]
        tokens = Tokens(settings, issuer[0]) if issuer else None
        sessions = Sessions(self.name, self.pool) if tokens and pages else None
        secret = settings.dead_letter_key.get_secret_value().encode()
        guard = Access(access, tokens, sessions, secret, rates)
        http = create_app(
            f"Jemput Bola: {self.name}",
            version=version(f"jemputbola-{self.name}"),
            registry=self.registry,
            access=guard,
            hosts=settings.hosts,
        )
        letters = DeadLetters(settings.dead_letter_key.get_secret_value(), settings.topic_prefix)
        for router in (*routers, dead_letters.router(self.pool, letters), audit.router(self.pool)):
            http.include_router(router)
        apis.mount(http, settings.told_servers)
        if pages is not None:
            login.mount(http, Login(settings, self.pool, tokens, sessions) if tokens and sessions else None)
            pages(http)
        guard.check(http)
        consumer = Consumer(
            settings, self.batches, group=self.name, subscriptions=subscriptions, metrics=metrics, own=self.own
        )
        relays = [Relay(settings, settings.dsn, source=self.name, own=each, metrics=metrics) for each in own]
        limits = ConnectionLimits(settings.http_connections)
        server = HttpServer(http, settings.http_host, settings.http_port, limits=limits)
        return App(
            settings,
            components={
                "api": [*own, *issuer, *components, server],
                "worker": [kafka, *own, *issuer, consumer, *workers],
                "relay": [kafka, *own, *issuer, *relays],
            },
            migrations=self.migrations,
            pools=list(dict.fromkeys([self.pool, self.batches])),
            registry=self.registry,
            subscriptions=subscriptions,
            own=self.own,
            access=guard,
        )

    def _pool(self, name: str, size: int, server: dict[str, str] | None, connect: dict[str, Any]) -> Pool:
        wait = self.settings.database_wait_seconds
        return create_pool(self.settings.dsn, name=name, max_size=size, wait=wait, server_settings=server, **connect)
