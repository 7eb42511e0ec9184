"""When an answer can no longer change. Pure: no I/O, no clock."""

from datetime import datetime


def is_final(known_at: datetime | None, complete_through: datetime | None) -> bool:
    """Whether everything that was known at `known_at` has been applied, so that the answer can no longer change."""
    return known_at is not None and complete_through is not None and complete_through >= known_at
