"""Decisions as a device reads them: every revision has a position in the device's own list, in the order of commits."""

import json
from collections.abc import Sequence

from contracts.decisions import SubmissionDecided
from exactly_once import Connection


async def append(tx: Connection, events: Sequence[SubmissionDecided]) -> None:
    """Stores decisions with their positions.

    A device's row is locked until the transaction ends: whoever has read position 7 will never miss a 6 that is
    committed later. Persons are locked before, devices after them and in one order, so nobody waits in a circle.
    """
    if not events:
        return
    position = await _lock_devices(tx, {event.device_id for event in events})
    rows = []
    for event in events:
        position[event.device_id] += 1
        rows.append({**event.model_dump(mode="json"), "device_position": position[event.device_id]})
    await tx.execute(
        """
        INSERT INTO enrollment.decision
        SELECT * FROM jsonb_populate_recordset(NULL::enrollment.decision, $1::text::jsonb)
        """,
        json.dumps(rows),
    )
    await tx.execute(
        """
        UPDATE enrollment.device SET last_position = new.last_position
          FROM unnest($1::text[], $2::bigint[]) AS new (device_id, last_position)
         WHERE device.device_id = new.device_id
        """,
        list(position),
        list(position.values()),
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
        SELECT device_position, to_jsonb(decision)::text FROM enrollment.decision
         WHERE device_id = $1 AND device_position > $2 ORDER BY device_position LIMIT $3
        """,
        device_id,
        position,
        limit,
    )
    return [(row[0], SubmissionDecided.model_validate_json(row[1])) for row in rows]


async def of_submission(
    tx: Connection, campaign: str, submission_id: str
) -> tuple[SubmissionDecided, str | None] | None:
    """A submission's last decision and whose it is; None until it is decided."""
    row = await tx.fetchrow(
        """
        SELECT to_jsonb(decision)::text, person_id::text
          FROM enrollment.decision LEFT JOIN enrollment.person_submission USING (campaign, submission_id)
         WHERE campaign = $1 AND submission_id = $2::text::uuid ORDER BY revision DESC LIMIT 1
        """,
        campaign,
        submission_id,
    )
    return None if row is None else (SubmissionDecided.model_validate_json(row[0]), row[1])
