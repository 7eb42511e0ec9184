"""The parts list of the scheduling service."""

from pathlib import Path
from typing import Final

from chassis.commands import Commands
from chassis.run import App
from chassis.service import Service, migrations
from contracts.topics import SCHOOLS
from exactly_once import Subscription
from scheduling.access import ACCESS
from scheduling.api import sets, visits
from scheduling.campaigns.store import locked
from scheduling.consume import on_schools
from scheduling.settings import Settings
from scheduling.visits.store import VISITS

NAME: Final = "scheduling"
MIGRATIONS: Final = migrations(NAME, Path(__file__).parents[2] / "migrations")


def build(settings: Settings) -> App:
    """Wires the service; connects nothing."""
    service = Service(NAME, settings, migrations=MIGRATIONS, publishes=[VISITS])
    commands = Commands(service.pool, service.verified, locked)
    return service.app(
        subscriptions=[Subscription(SCHOOLS, on_schools)],
        routers=[sets.router(service.pool, commands), visits.router(service.pool, commands)],
        access=ACCESS,
    )
