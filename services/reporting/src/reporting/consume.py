"""Topics in: one batch, one transaction."""

from typing import Any

from contracts import topics
from contracts.schools import CampaignOpened, SchoolListed
from contracts.targets import FigureStated, TargetUpdated
from contracts.visits import Visit
from exactly_once import Batch, Connection, Subscription
from reporting import versions
from reporting.decisions import store as decisions
from reporting.progress import store as progress
from reporting.recordings import store as recordings


async def on_schools(tx: Connection, batch: Batch[Any]) -> None:
    """Campaigns and the schools they go to."""
    await versions.CAMPAIGNS.merge(tx, batch, CampaignOpened)
    await versions.SCHOOLS.merge(tx, batch, SchoolListed)


async def on_targets(tx: Connection, batch: Batch[Any]) -> None:
    """The office's decisions, and the statements they cite."""
    await versions.TARGETS.merge(tx, batch, TargetUpdated)
    await versions.STATEMENTS.merge(tx, batch, FigureStated)


async def on_visits(tx: Connection, batch: Batch[Any]) -> None:
    """Visits to schools and weekend sessions."""
    await versions.VISITS.merge(tx, batch, Visit)


def subscriptions() -> list[Subscription]:
    """What reporting reads, and the code that applies it."""
    return [
        Subscription(topics.SCHOOLS, on_schools),
        Subscription(topics.TARGETS, on_targets),
        Subscription(topics.VISITS, on_visits),
        Subscription(topics.RECORDINGS, recordings.merge),
        Subscription(topics.SUBMISSION_DECISIONS, decisions.merge),
        Subscription(topics.PROGRESS, progress.merge),
    ]
