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
from exactly_once import Consumer, KafkaProbe
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
SERVER: Final = {
    "synchronous_commit": "off",  # a crash loses positions and projection together: they are applied again from the log
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "random_page_cost": "1.1",  # rows are looked up one by one, in memory: no scan of all for a batch's few
}
# Generic plans of statements that join `unnest` parameters are quadratic. Questions are better off with them.
BATCHES: Final = {**SERVER, "plan_cache_mode": "force_custom_plan"}


async def as_it_is(_connection: object) -> None:
    """Given back to its pool a connection needs no reset: nothing here changes a session. Saves a round trip."""


def build(settings: Settings) -> App:
    """Wires the service; connects nothing."""
    answers = create_pool(
        settings.dsn, name=NAME, max_size=settings.database_pool_size, wait=settings.database_wait_seconds,
        server_settings=SERVER, reset=as_it_is,
    )  # fmt: skip
    batches = create_pool(
        settings.dsn, name=f"{NAME}-worker", max_size=3, wait=settings.database_wait_seconds, server_settings=BATCHES,
        reset=as_it_is,
    )  # fmt: skip
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
    consumer = Consumer(settings, batches, group=NAME, subscriptions=subscriptions(), metrics=Metrics(registry))
    return App(
        settings,
        components={
            "api": [live, HttpServer(http, settings.http_host, settings.http_port)],
            "worker": [KafkaProbe(settings.kafka_bootstrap_servers), consumer],
        },
        migrations=MIGRATIONS,
        pools=[answers, batches],
    )
