"""SQL of devices: their keys, where they work, and when they closed a session."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.submissions import SET_BACK, SessionClosed
from exactly_once import Connection


@dataclass(frozen=True, slots=True)
class Device:
    """A counter's device: its Ed25519 key, and the campaigns it works for."""

    device_id: str
    public_key: bytes
    campaigns: frozenset[str]


@dataclass(frozen=True, slots=True)
class SetBack:
    """A number of a device whose recording is a day or more earlier than that of the number before it."""

    device_seq: int
    recorded_at: datetime
    previous_seq: int
    previous_recorded_at: datetime


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


async def clock_set_back(tx: Connection, device_id: str) -> list[SetBack]:
    """Where the device's clock may have been set back, the last 20, until the office voids one of the two recordings.

    What came from a list of before is left out, and what was sent before devices told so. A number that came twice is
    taken for what speaks against it least: two folders take turns.
    """
    rows = await tx.fetch(
        """
        WITH numbered AS (
            SELECT device_seq, max(recorded_at) AS latest, min(recorded_at) AS earliest FROM enrollment.submission
             WHERE device_id = $1 AND NOT imported GROUP BY device_seq),
        pair AS (
            SELECT device_seq, latest AS recorded_at, lag(device_seq) OVER numbers AS previous_seq,
                   lag(earliest) OVER numbers AS previous_recorded_at
              FROM numbered WINDOW numbers AS (ORDER BY device_seq))
        SELECT device_seq, recorded_at, previous_seq, previous_recorded_at FROM pair
         WHERE previous_recorded_at - recorded_at >= $2
           AND (SELECT bool_or((SELECT voided FROM enrollment.person_submission AS link
                                 WHERE (link.campaign, link.submission_id) = (sent.campaign, sent.submission_id)))
                  FROM enrollment.submission AS sent
                 WHERE sent.device_id = $1 AND sent.device_seq IN (pair.device_seq, previous_seq)) IS NOT TRUE
         ORDER BY device_seq DESC LIMIT 20
        """,
        device_id,
        SET_BACK,
    )
    return [SetBack(*row) for row in rows]


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
