"""The parts list of the scheduling service."""

from importlib.metadata import version
from pathlib import Path
from typing import Final

import chassis
import exactly_once
from chassis.db import create_pool
from chassis.http import create_app
from chassis.metrics import new_registry
from chassis.migrate import Source
from chassis.run import App, HttpServer
from contracts.topics import SCHOOLS, VISITS
from exactly_once import Consumer, KafkaProbe, OwnTopics, Relay, Subscription
from exactly_once.metrics import Metrics
from scheduling import api
from scheduling.commands import Commands
from scheduling.consume import on_schools
from scheduling.settings import Settings

NAME: Final = "scheduling"
SUBSCRIPTIONS: Final = (Subscription(SCHOOLS, on_schools),)
MIGRATIONS: Final = (
    Source("chassis", chassis.migrations_dir()),
    Source("exactly_once", exactly_once.migrations_dir()),
    Source(NAME, Path(__file__).parents[2] / "migrations"),
)


def build(settings: Settings) -> App:
    """Wires the service; connects nothing."""
    pool = create_pool(
        settings.dsn, name=NAME, max_size=settings.database_pool_size, wait=settings.database_wait_seconds
    )
    registry = new_registry()
    metrics = Metrics(registry)
    http = create_app("Jemput Bola: scheduling", version=version("jemputbola-scheduling"), registry=registry)
    own = OwnTopics(settings, pool, [VISITS], {"visit": ("visit_version", "visit_id")})
    http.include_router(api.router(pool, Commands(pool, own)))
    kafka = KafkaProbe(settings.kafka_bootstrap_servers)
    consumer = Consumer(settings, pool, group=NAME, subscriptions=SUBSCRIPTIONS, metrics=metrics, own=own)
    return App(
        settings,
        components={
            "api": [own, HttpServer(http, settings.http_host, settings.http_port)],
            "worker": [kafka, own, consumer],
            "relay": [kafka, own, Relay(settings, settings.dsn, source=NAME, own=own, metrics=metrics)],
        },
        migrations=MIGRATIONS,
        pools=[pool],
    )
