"""The small facts (campaigns, schools, targets, statements, visits): every revision is kept as it came."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from contracts import topics
from contracts.envelope import Fact
from contracts.topics import Topic
from exactly_once import Batch, Connection, Received
from reporting import changes

CONFLICT: Final = "revision_conflict"
CONFLICT_DETAIL: Final = "this revision is known with other content: find out which of the two its owner holds"


@dataclass(frozen=True, slots=True)
class Versions:
    """The table of one kind of fact."""

    table: str
    topic: Topic

    async def merge(self, tx: Connection, batch: Batch[Any], model: type[Fact]) -> None:
        """Keeps the revisions of that model that are new.

        One that is known with other content is rejected; of two in one batch the first stands.
        """
        received = [one for one in batch if isinstance(one.event, model)]
        fresh = await self._insert(tx, received)
        if sum(map(len, fresh.values())) < len(received):
            for one in await self._conflicts(tx, received):
                batch.reject(one, CONFLICT, CONFLICT_DETAIL)
        for campaign, known_at in sorted(fresh.items()):
            await changes.record(tx, campaign, self.topic, max(known_at), len(known_at))

    async def _insert(self, tx: Connection, received: Sequence[Received[Fact]]) -> dict[str, list[datetime]]:
        """The `known_at` of what was new, for each campaign that had some."""
        rows = await tx.fetch(
            f"""
            INSERT INTO {self.table} (campaign, id, revision, known_at, data)
            SELECT campaign, id, revision, known_at, data::jsonb
              FROM unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[], $5::text[]) WITH ORDINALITY
                   AS event (campaign, id, revision, known_at, data, ord)
             ORDER BY campaign COLLATE "C", id COLLATE "C", revision, ord
            ON CONFLICT DO NOTHING
            RETURNING campaign, known_at
            """,  # noqa: S608
            *_columns(received),
        )
        fresh: dict[str, list[datetime]] = {}
        for row in rows:
            fresh.setdefault(row["campaign"], []).append(row["known_at"])
        return fresh

    async def _conflicts(self, tx: Connection, received: Sequence[Received[Fact]]) -> list[Received[Fact]]:
        rows = await tx.fetch(
            f"""
            SELECT ord
              FROM unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[], $5::text[]) WITH ORDINALITY
                   AS event (campaign, id, revision, known_at, data, ord)
              JOIN {self.table} AS known USING (campaign, id, revision)
             WHERE known.data <> event.data::jsonb
             ORDER BY ord
            """,  # noqa: S608
            *_columns(received),
        )
        return [received[row["ord"] - 1] for row in rows]

    async def newest(self, tx: Connection, campaign: str, known_at: datetime | None = None) -> list[dict[str, Any]]:
        """The highest revision of each fact of a campaign, as known at an instant (None: now), ordered by id."""
        rows = await tx.fetch(
            f"""
            SELECT DISTINCT ON (id) data FROM {self.table}
             WHERE campaign = $1 AND ($2::timestamptz IS NULL OR known_at <= $2)
             ORDER BY id, revision DESC
            """,  # noqa: S608
            campaign,
            known_at,
        )
        return [row["data"] for row in rows]

    async def newest_field(
        self, tx: Connection, campaign: str, field: str, known_at: datetime | None = None
    ) -> dict[str, str]:
        """One field, by id, of the highest revision of each fact of a campaign, as known at an instant (None: now)."""
        rows = await tx.fetch(
            f"""
            SELECT DISTINCT ON (id) id, data ->> $3 AS field FROM {self.table}
             WHERE campaign = $1 AND ($2::timestamptz IS NULL OR known_at <= $2)
             ORDER BY id, revision DESC
            """,  # noqa: S608
            campaign,
            known_at,
            field,
        )
        return {row["id"]: row["field"] for row in rows}

    async def every(self, tx: Connection, campaign: str, known_at: datetime | None = None) -> list[dict[str, Any]]:
        """Every revision of every fact of a campaign, as known at an instant (None: now), ordered by id."""
        rows = await tx.fetch(
            f"""
            SELECT data FROM {self.table}
             WHERE campaign = $1 AND ($2::timestamptz IS NULL OR known_at <= $2)
             ORDER BY id, revision
            """,  # noqa: S608
            campaign,
            known_at,
        )
        return [row["data"] for row in rows]


CAMPAIGNS: Final = Versions("campaign_version", topics.SCHOOLS)
SCHOOLS: Final = Versions("school_version", topics.SCHOOLS)
TARGETS: Final = Versions("target_version", topics.TARGETS)
STATEMENTS: Final = Versions("statement_version", topics.TARGETS)
VISITS: Final = Versions("visit_version", topics.VISITS)


def _columns(received: Sequence[Received[Fact]]) -> tuple[list[str], list[str], list[int], list[datetime], list[str]]:
    events = [one.event for one in received]
    return (
        [event.campaign for event in events],
        [event.subject for event in events],
        [event.revision for event in events],
        [event.known_at for event in events],
        [event.model_dump_json() for event in events],
    )
