"""The parts list of the reporting service."""

from pathlib import Path
from typing import Final

from chassis.run import App
from chassis.service import Service, migrations
from reporting import pages
from reporting.access import ACCESS, RATES
from reporting.api import campaigns, coverage, facts, stream
from reporting.consume import subscriptions
from reporting.live.watch import Live
from reporting.questions.turns import Questions
from reporting.settings import Settings

NAME: Final = "reporting"
MIGRATIONS: Final = migrations(NAME, Path(__file__).parents[2] / "migrations")
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
    service = Service(NAME, settings, migrations=MIGRATIONS, server=SERVER, batches=BATCHES, reset=as_it_is)
    live = Live(service.pool, settings.dsn, settings.pace)
    questions = Questions(service.pool)
    return service.app(
        subscriptions=subscriptions(),
        routers=[
            campaigns.router(questions),
            coverage.router(questions),
            facts.router(questions),
            stream.router(live),
        ],
        access=ACCESS,
        rates=RATES,
        components=[live],
        pages=lambda http: pages.mount(http, questions, live),
    )
