"""The parts list of the enrollment service."""

from pathlib import Path
from typing import Final

from chassis.commands import Commands
from chassis.run import App
from chassis.service import Service, migrations
from enrollment.access import ACCESS, RATES
from enrollment.api import campaigns, devices, persons, schools, submissions, targets
from enrollment.campaigns.store import CAMPAIGNS, opened
from enrollment.consume import subscriptions
from enrollment.devices.decisions import DECISIONS
from enrollment.identity.keys import SealingKeys
from enrollment.identity.vault import Vault
from enrollment.persons.store import PERSONS
from enrollment.schools.store import SCHOOLS
from enrollment.settings import Settings
from enrollment.submissions.readmission import Readmission
from enrollment.targets.store import STATEMENTS, TARGETS

NAME: Final = "enrollment"
MIGRATIONS: Final = migrations(NAME, Path(__file__).parents[2] / "migrations")
PUBLISHES: Final = (PERSONS, DECISIONS, TARGETS, STATEMENTS, CAMPAIGNS, SCHOOLS)
SERVER: Final = {"plan_cache_mode": "force_custom_plan"}  # generic plans of joins with unnest are quadratic


def build(settings: Settings) -> App:
    """Wires the service; connects nothing."""
    service = Service(NAME, settings, migrations=MIGRATIONS, publishes=PUBLISHES, server=SERVER)
    pool, commands = service.pool, Commands(service.pool, service.verified, opened)
    vault = Vault(settings.master_key_bytes)
    keys = SealingKeys(vault, pool)
    submitted = subscriptions(vault, keys, service.registry)
    return service.app(
        subscriptions=submitted,
        routers=[
            campaigns.router(pool, commands),
            schools.router(pool, commands),
            targets.router(pool, commands),
            submissions.router(pool),
            persons.router(pool, commands),
            devices.router(pool, commands, keys),
        ],
        access=ACCESS,
        rates=RATES,
        components=[keys],
        workers=[Readmission(settings, service.batches, service.verified, submitted)],
    )
