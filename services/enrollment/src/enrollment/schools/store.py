"""SQL of schools: every revision is kept, the highest holds."""

from typing import Final

from contracts.schools import SchoolListed
from exactly_once import Connection, FactTable

SCHOOLS: Final = FactTable("enrollment.school_revision", SchoolListed)


async def lock(tx: Connection, campaign: str) -> None:
    """One transaction at a time changes the schools of a campaign."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('schools/' || $1::text, 0))", campaign)
