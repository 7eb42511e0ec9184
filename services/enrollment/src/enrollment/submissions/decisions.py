"""Decisions as a device reads them: every revision has a position in the device's own list, in the order of commits."""

from collections.abc import Sequence
from typing import Final

from contracts.decisions import SubmissionDecided
from exactly_once import Connection, FactTable

# Beside the event: `device_id`, and `device_position` in that device's list.
DECISIONS: Final = FactTable("enrollment.submission_decision_revision", SubmissionDecided)


async def append(tx: Connection, events: Sequence[SubmissionDecided]) -> None:
    """Keeps and publishes decisions, with their positions.

    A device's row is locked until the transaction ends: whoever has read position 7 will never miss a 6 that is
    committed later. Persons are locked before, devices after them and in one order, so nobody waits in a circle.
    """
    if not events:
        return
    last = await _lock_devices(tx, {event.device_id for event in events})
    positions = []
    for event in events:
        last[event.device_id] += 1
        positions.append(last[event.device_id])
    await DECISIONS.append(tx, events, device_id=[event.device_id for event in events], device_position=positions)
    await tx.execute(
        """
        UPDATE enrollment.device SET last_position = new.last_position
          FROM unnest($1::text[], $2::bigint[]) AS new (device_id, last_position)
         WHERE device.device_id = new.device_id
        """,
        list(last),
        list(last.values()),
    )


async def _lock_devices(tx: Connection, device_ids: set[str]) -> dict[str, int]:
    rows = await tx.fetch(
        """
        SELECT device_id, last_position FROM enrollment.device
         WHERE device_id = ANY ($1::text[]) ORDER BY device_id FOR UPDATE
        """,
        list(device_ids),
    )
    return {row["device_id"]: row["last_position"] for row in rows}


async def after(tx: Connection, device_id: str, position: int, limit: int) -> list[tuple[int, SubmissionDecided]]:
    """The decisions behind a position, in order."""
    rows = await tx.fetch(
        """
        SELECT device_position, type, data::text FROM enrollment.submission_decision_revision
         WHERE device_id = $1 AND device_position > $2 ORDER BY device_position LIMIT $3
        """,
        device_id,
        position,
        limit,
    )
    return [(row["device_position"], DECISIONS.fact(row)) for row in rows]


async def of_submission(
    tx: Connection, campaign: str, submission_id: str
) -> tuple[SubmissionDecided, str | None] | None:
    """A submission's last decision and whose it is; None until it is decided."""
    decided = await DECISIONS.last(tx, campaign, submission_id)
    if decided is None:
        return None
    query = """
        SELECT person_id::text FROM enrollment.person_submission WHERE campaign = $1 AND submission_id = $2::text::uuid
    """
    return decided, await tx.fetchval(query, campaign, submission_id)
