"""The decisions and statements, every revision of each."""

from datetime import date, datetime
from typing import Any

from exactly_once import Connection
from reporting.targets.rules import Decision
from reporting.versions import STATEMENTS, TARGETS


async def decisions(tx: Connection, campaign: str) -> list[Decision]:
    """Every revision of the office's decisions, as the rules need them."""
    return [_decision(data) for data in await TARGETS.every(tx, campaign)]


async def decisions_in_full(tx: Connection, campaign: str, known_at: datetime | None) -> list[dict[str, Any]]:
    """Every revision with all that it says, ordered by scope and revision."""
    return await TARGETS.every(tx, campaign, known_at)


async def statements(tx: Connection, campaign: str, known_at: datetime | None) -> list[dict[str, Any]]:
    """The statements, each as its highest revision says, in the order in which they were stated."""
    found = await STATEMENTS.newest(tx, campaign, known_at)
    return sorted(found, key=lambda data: (data["stated_on"], data["statement_id"]))


def _decision(data: dict[str, Any]) -> Decision:
    start = data["counting_from"]
    return Decision(
        scope=data["scope"],
        revision=data["revision"],
        known_at=datetime.fromisoformat(data["known_at"]),
        value=data["value"],
        effective_from=date.fromisoformat(data["effective_from"]),
        counting_from=None if start is None else date.fromisoformat(start),
        withdrawn=data["withdrawn"],
        split=data["split"],
        reason=data["reason"],
    )
