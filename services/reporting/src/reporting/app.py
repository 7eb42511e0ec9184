"""The parts list of the reporting service."""

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
from exactly_once import Consumer
from exactly_once.metrics import Metrics
from reporting import pages, stream
from reporting.api import coverage, facts
from reporting.consume import subscriptions
from reporting.live import Live
from reporting.settings import Settings

NAME: Final = "reporting"
MIGRATIONS: Final = (
    Source("chassis", chassis.migrations_dir()),
    Source("exactly_once", exactly_once.migrations_dir()),
    Source(NAME, Path(__file__).parents[2] / "migrations"),
)
# A crash may lose the last commits, positions and projection together: they are applied again from the log.
# Generic plans of statements that join `unnest` parameters are quadratic.
SERVER: Final = {"synchronous_commit": "off", "plan_cache_mode": "force_custom_plan", "jit": "off"}


def build(settings: Settings) -> App:
    """Wires the service; connects nothing."""
    answers = create_pool(
        settings.dsn, name=NAME, max_size=settings.database_pool_size, wait=settings.database_wait_seconds,
        server_settings=SERVER,
    )  # fmt: skip
    batches = create_pool(
        settings.dsn, name=f"{NAME}-worker", max_size=3, wait=settings.database_wait_seconds, server_settings=SERVER
    )
    registry = new_registry()
    live = Live(
        answers, settings.dsn,
        interval=settings.stream_interval, heartbeat=settings.stream_heartbeat, poll=settings.stream_poll,
    )  # fmt: skip
    http = create_app("Jemput Bola: reporting", version=version("jemputbola-reporting"), registry=registry)
    http.include_router(coverage.router(answers))
    http.include_router(facts.router(answers))
    http.include_router(stream.router(live))
    pages.mount(http, answers, live)
    return App(
        settings,
        components={
            "api": [live, HttpServer(http, settings.http_host, settings.http_port)],
            "worker": [
                Consumer(settings, batches, group=NAME, subscriptions=subscriptions(), metrics=Metrics(registry))
            ],
        },
        migrations=MIGRATIONS,
        pools=[answers, batches],
    )
