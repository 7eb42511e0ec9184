"""Kafka and PostgreSQL, exactly once: every batch is one transaction that also moves the positions."""

from pathlib import Path

from exactly_once.consumer import Consumer
from exactly_once.dead_letters import DeadLetters, Handler, Subscription
from exactly_once.errors import Misconfigured, Verdict
from exactly_once.facts import FactTable
from exactly_once.outbox import publish
from exactly_once.own_topics import OwnTopics
from exactly_once.records import Batch, Connection, Pool, Received
from exactly_once.relay import Relay
from exactly_once.settings import KafkaSettings
from exactly_once.watermark import decision_instant

__all__ = [
    "Batch",
    "Connection",
    "Consumer",
    "DeadLetters",
    "FactTable",
    "Handler",
    "KafkaSettings",
    "Misconfigured",
    "OwnTopics",
    "Pool",
    "Received",
    "Relay",
    "Subscription",
    "Verdict",
    "decision_instant",
    "migrations_dir",
    "publish",
]


def migrations_dir() -> Path:
    """The SQL files that make the schema `exactly_once`."""
    return Path(__file__).parent / "migrations"
