"""SQL of devices: their keys, where they work, and when they closed a session."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.submissions import SessionClosed
from exactly_once import Connection


@dataclass(frozen=True, slots=True)
class Device:
    """A counter's device: its Ed25519 key, and the campaigns it works for."""

    device_id: str
    public_key: bytes
    campaigns: frozenset[str]


async def devices(tx: Connection, device_ids: Collection[str]) -> dict[str, Device]:
    """Those of the devices that are registered, by id."""
    rows = await tx.fetch(
        """
        SELECT device_id, public_key, array_agg(campaign) FROM enrollment.device
          JOIN enrollment.device_campaign USING (device_id)
         WHERE device_id = ANY ($1::text[]) GROUP BY device_id
        """,
        list(device_ids),
    )
    return {row[0]: Device(row[0], row[1], frozenset(row[2])) for row in rows}


async def register(tx: Connection, device_id: str, public_key: bytes) -> bytes:
    """Registers a device if it is new; returns the key that holds from now on, which is the first that came."""
    await tx.execute(
        "INSERT INTO enrollment.device (device_id, public_key) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        device_id,
        public_key,
    )
    holds: bytes = await tx.fetchval("SELECT public_key FROM enrollment.device WHERE device_id = $1", device_id)
    return holds


async def numbers_twice(tx: Connection, device_id: str) -> list[int]:
    """Numbers under which the device sent two submissions, the first 20: two folders number for one device."""
    rows = await tx.fetch(
        """
        SELECT device_seq FROM enrollment.submission WHERE device_id = $1
         GROUP BY device_seq HAVING count(*) > 1 ORDER BY device_seq LIMIT 20
        """,
        device_id,
    )
    return [row["device_seq"] for row in rows]


async def place(tx: Connection, device_id: str, campaign: str, kind: str, at: str) -> bool:
    """Says where a device works in a campaign; returns whether it is new there."""
    new: bool = await tx.fetchval(
        """
        INSERT INTO enrollment.device_campaign (device_id, campaign, kind, place) VALUES ($1, $2, $3, $4)
            ON CONFLICT (device_id, campaign) DO UPDATE SET kind = excluded.kind, place = excluded.place
        RETURNING xmax = 0
        """,
        device_id,
        campaign,
        kind,
        at,
    )
    return new


async def add_closed_sessions(tx: Connection, events: Collection[tuple[SessionClosed, datetime]]) -> None:
    """Stores that devices closed sessions, with the broker's instant; what is stored already stays."""
    if events:
        await tx.execute(
            """
            INSERT INTO enrollment.session_closed
                   (campaign, session_id, device_id, device_seq, kind, place, closed_at, received_at, submissions)
            SELECT campaign, session_id, device_id, device_seq, kind, place, closed_at, received_at, submissions
              FROM jsonb_populate_recordset(NULL::enrollment.session_closed, $1::text::jsonb)
             ORDER BY campaign, session_id, device_id, device_seq
                ON CONFLICT DO NOTHING
            """,
            json.dumps([_closed(event, received_at) for event, received_at in events]),
        )


def _closed(event: SessionClosed, received_at: datetime) -> dict[str, object]:
    # In UTC: PostgreSQL reads no offset of 16 hours.
    instants = {"closed_at": event.closed_at, "received_at": received_at}
    return event.model_dump(mode="json") | {name: at.astimezone(UTC).isoformat() for name, at in instants.items()}
