"""SQL of submissions: stored once, with the hash of what the device signed, and whose they are."""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from enrollment.persons.store import Key, columns
from enrollment.submissions.facts import Facts
from exactly_once import Connection

# By their names: the table may get another under workers that run.
COLUMNS: Final = """
    campaign, submission_id, content_sha256, device_id, device_seq, kind, place, session_id, "group", domicile_regency,
    family_card, birth_certificate, imported, kid, recorded_at, recorded_on, received_at, refused, held,
    birth_date_agrees
"""


async def claim(tx: Connection, submissions: Sequence[Facts]) -> set[Key]:
    """Stores what is new and returns which those are. Waits for a transaction that is storing the same."""
    rows = await tx.fetch(
        f"""
        INSERT INTO enrollment.submission ({COLUMNS})
        SELECT {COLUMNS} FROM jsonb_populate_recordset(NULL::enrollment.submission, $1::text::jsonb)
         ORDER BY campaign, submission_id
            ON CONFLICT DO NOTHING
        RETURNING campaign, submission_id::text
        """,  # noqa: S608
        json.dumps([facts.row() for facts in submissions]),
    )
    return {(row["campaign"], row["submission_id"]) for row in rows}


async def contents(tx: Connection, keys: Collection[Key]) -> dict[Key, bytes]:
    """The content hash of submissions that are stored."""
    rows = await tx.fetch(
        """
        SELECT campaign, submission_id::text, content_sha256 FROM enrollment.submission
         WHERE (campaign, submission_id) IN (SELECT * FROM unnest($1::text[], $2::text[]::uuid[]))
        """,
        *columns(keys),
    )
    return {(row["campaign"], row["submission_id"]): row["content_sha256"] for row in rows}


async def attribute(tx: Connection, campaign_submission_person: Iterable[tuple[str, str, str]]) -> None:
    """Says whose the submissions are; they are stored already."""
    rows = list(campaign_submission_person)
    await tx.execute(
        """
        INSERT INTO enrollment.person_submission (campaign, submission_id, person_id, recorded_at, held)
        SELECT link.campaign, link.submission_id, link.person_id, submission.recorded_at, submission.held
          FROM unnest($1::text[], $2::text[]::uuid[], $3::text[]::uuid[]) AS link (campaign, submission_id, person_id)
         CROSS JOIN LATERAL (
                   SELECT recorded_at, held IS NOT NULL AS held FROM enrollment.submission AS stored
                    WHERE stored.campaign = link.campaign AND stored.submission_id = link.submission_id
                    LIMIT 1) AS submission
        """,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
    )
