"""Topics in: one batch, one transaction."""

from typing import Any

from contracts import topics
from exactly_once import Batch, Connection, Subscription
from reporting.projection import decisions, progress, recordings
from reporting.projection.facts import CAMPAIGNS, SCHOOLS, STATEMENTS, TARGETS, VISITS, keep


async def on_schools(tx: Connection, batch: Batch[Any]) -> None:
    """Campaigns and the schools they go to."""
    await keep(tx, batch, topics.SCHOOLS, CAMPAIGNS, SCHOOLS)


async def on_targets(tx: Connection, batch: Batch[Any]) -> None:
    """The office's decisions, and the statements they cite."""
    await keep(tx, batch, topics.TARGETS, TARGETS, STATEMENTS)


async def on_visits(tx: Connection, batch: Batch[Any]) -> None:
    """Visits to schools and weekend sessions."""
    await keep(tx, batch, topics.VISITS, VISITS)


def subscriptions() -> list[Subscription]:
    return [
        Subscription(topics.SCHOOLS, on_schools),
        Subscription(topics.TARGETS, on_targets),
        Subscription(topics.VISITS, on_visits),
        Subscription(topics.RECORDINGS, recordings.merge, recordings.row),
        Subscription(topics.SUBMISSION_DECISIONS, decisions.merge),
        Subscription(topics.PROGRESS, progress.merge),
    ]
