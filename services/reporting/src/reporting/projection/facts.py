"""The small facts (campaigns, schools, targets, statements, visits): every revision is kept as it came."""

from collections import defaultdict
from datetime import datetime
from typing import Any, Final

from contracts.schools import CampaignOpened, SchoolListed
from contracts.targets import FigureStated, TargetUpdated
from contracts.topics import Topic
from contracts.visits import Visit, VisitCancelled, VisitCompleted, VisitRescheduled, VisitScheduled
from exactly_once import Batch, Connection, FactTable
from reporting.projection import changes

CAMPAIGNS: Final = FactTable("reporting.campaign_revision", CampaignOpened)
SCHOOLS: Final = FactTable("reporting.school_revision", SchoolListed)
TARGETS: Final = FactTable("reporting.target_revision", TargetUpdated)
STATEMENTS: Final = FactTable("reporting.statement_revision", FigureStated)
VISITS: Final[FactTable[Visit]] = FactTable(
    "reporting.visit_revision", VisitScheduled, VisitRescheduled, VisitCancelled, VisitCompleted
)


async def keep(tx: Connection, batch: Batch[Any], topic: Topic, *tables: FactTable[Any]) -> None:
    """Keeps the facts of a batch that are new; they raise their campaigns' revisions."""
    new: dict[str, list[datetime]] = defaultdict(list)
    for table in tables:
        for fact in await table.keep(tx, batch):
            new[fact.campaign].append(fact.known_at)
    for campaign, known_at in sorted(new.items()):
        await changes.record(tx, campaign, topic, max(known_at), len(known_at))


async def known_by(tx: Connection, campaign: str, known_at: datetime) -> int:
    """How many revisions of facts were known at an instant: the revision of an answer as known then.

    Decisions about submissions are not among them: only the latest is kept, and no such answer has them.
    """
    names = ["reporting.recording_revision", *(t.name for t in (CAMPAIGNS, SCHOOLS, TARGETS, STATEMENTS, VISITS))]
    counts = " + ".join(f"(SELECT count(*) FROM {name} WHERE campaign = $1 AND known_at <= $2)" for name in names)  # noqa: S608
    revisions: int = await tx.fetchval(f"SELECT {counts}", campaign, known_at)
    return revisions
