"""The parts list of the enrollment service."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

import chassis
import exactly_once
from chassis.db import create_pool
from chassis.http import create_app
from chassis.metrics import new_registry
from chassis.migrate import Source
from chassis.run import App, HttpServer
from contracts.topics import RECORDINGS, SCHOOLS, SUBMISSION_DECISIONS, TARGETS
from enrollment.api import campaigns, dead_letters, devices, figures, recordings
from enrollment.api.commands import Commands
from enrollment.consume import subscriptions
from enrollment.identity.keys import SealingKeys
from enrollment.identity.vault import Vault
from enrollment.settings import Settings
from exactly_once import Consumer, DeadLetters, KafkaProbe, OwnTopics, Pool, Relay, Subscription
from exactly_once.metrics import Metrics

NAME: Final = "enrollment"
MIGRATIONS: Final = (
    Source("chassis", chassis.migrations_dir()),
    Source("exactly_once", exactly_once.migrations_dir()),
    Source(NAME, Path(__file__).parents[2] / "migrations"),
)


# Where every revision that this service has published is kept.
KEPT: Final = {
    "person": ("enrollment.person_revision", "person_id"),
    "submission": ("enrollment.decision", "submission_id"),
    "target": ("enrollment.target_revision", "scope"),
    "statement": ("enrollment.statement_revision", "statement_id"),
    "campaign": ("enrollment.campaign_revision", "campaign"),
    "school": ("enrollment.school_revision", "npsn"),
}


def own_topics(settings: Settings, pool: Pool) -> OwnTopics:
    """What this service alone writes."""
    return OwnTopics(settings, pool, [RECORDINGS, SUBMISSION_DECISIONS, TARGETS, SCHOOLS], KEPT)


def build(settings: Settings) -> App:
    """Wires the service; connects nothing."""
    pool = create_pool(
        settings.dsn,
        name=NAME,
        max_size=settings.database_pool_size,
        wait=settings.database_wait_seconds,
        server_settings={"plan_cache_mode": "force_custom_plan"},  # generic plans of joins with unnest are quadratic
    )
    registry = new_registry()
    metrics = Metrics(registry)
    vault = Vault(settings.master_key_bytes)
    keys = SealingKeys(vault, pool)
    subscribed = subscriptions(vault, keys, registry)
    letters = DeadLetters(settings.dead_letter_key.get_secret_value(), settings.topic_prefix)
    own = own_topics(settings, pool)
    commands = Commands(pool, own)
    kafka = KafkaProbe(settings.kafka_bootstrap_servers)
    consumer = Consumer(settings, pool, group=NAME, subscriptions=subscribed, metrics=metrics, own=own)

    http = create_app("Jemput Bola: enrollment", version=version("jemputbola-enrollment"), registry=registry)
    http.include_router(campaigns.router(pool, commands))
    http.include_router(figures.router(pool, commands))
    http.include_router(recordings.router(pool, commands))
    http.include_router(devices.router(pool, commands, keys))
    http.include_router(dead_letters.router(pool, letters))
    return App(
        settings,
        components={
            "api": [own, keys, HttpServer(http, settings.http_host, settings.http_port)],
            "worker": [kafka, own, consumer],
            "relay": [kafka, own, Relay(settings, settings.dsn, source=NAME, own=own, metrics=metrics)],
        },
        migrations=MIGRATIONS,
        pools=[pool],
    )


async def replaying(settings: Settings, pool: Pool) -> Sequence[Subscription]:
    """The same code as `build` subscribes, for dead letters that are replayed from the command line.

    They are decided anew, so the own topics are compared first. Raises Verdict.
    """
    async with pool.acquire() as connection:
        await own_topics(settings, pool).compare(connection)
    vault = Vault(settings.master_key_bytes)
    return subscriptions(vault, SealingKeys(vault, pool), CollectorRegistry())
