"""Every revision of one kind of fact, in one kind of table: kept once, compared by content, read as known then."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

import asyncpg

from contracts.envelope import Fact, content_sha256
from contracts.topics import TOPIC_OF, Topic
from exactly_once.decider import with_decider
from exactly_once.outbox import publish
from exactly_once.records import Batch, Connection, Received
from exactly_once.slices import slices

F = TypeVar("F", bound=Fact)

# Of every fact table; a noun may have further ones.
COLUMNS: Final = ("campaign", "id", "revision", "known_at", "type", "content_sha256", "data")

REVISION_CONFLICT: Final = "revision_conflict"
CONFLICT_DETAIL: Final = "this revision is known with other content: find out which of the two its owner holds"


class FactTable(Generic[F]):
    """The table `<schema>.<noun>_revision` of facts that `models` decode: rows are only ever added.

    A migration makes it: `SELECT exactly_once.create_fact_table('<schema>.<noun>_revision')`. The same revision again
    is the same to the byte, or says the same in the words of today's model, which may have grown a field since;
    anything else is a conflict.
    """

    def __init__(self, name: str, *models: type[F]) -> None:
        self.name, self.models = name, models
        self._by_type = {model.type: model for model in models}

    @property
    def topics(self) -> list[Topic]:
        """Where the facts are published; none for a noun that its service keeps to itself."""
        return list(dict.fromkeys(TOPIC_OF[model] for model in self.models if model in TOPIC_OF))

    async def keep(self, tx: Connection, batch: Batch[Any]) -> list[F]:
        """Keeps the facts of a batch that are new, and returns them; a conflict is rejected.

        Of two in one batch with the same revision the first stands.
        """
        received = [each for each in batch if isinstance(each.event, self.models)]
        first: dict[tuple[str, str, int], Received[F]] = {}
        for each in received:
            first.setdefault(_key(each.event), each)
        if not first:
            return []
        rows = [
            _row(each.event, each.content_sha256, each.event.model_dump_json(exclude_unset=True))
            async for part in slices([first[key] for key in sorted(first)])
            for each in part
        ]
        new = await self._insert(tx, rows, "ON CONFLICT DO NOTHING RETURNING campaign, id, revision")
        if len(new) < len(received):
            for each in await self._conflicts(tx, received):
                batch.reject(each, REVISION_CONFLICT, CONFLICT_DETAIL)
        return [first[tuple(row)].event for row in new]

    async def append(self, tx: Connection, facts: Sequence[F], **columns: Sequence[Any]) -> list[F]:
        """Keeps the next revisions that this service has decided, and publishes them: what goes out is what is kept.

        Returns them as kept: where somebody decided, they say who.

        `columns` fill the table's own columns beside those of every fact table, a value for each fact.
        """
        if not facts:
            return []
        facts = [with_decider(fact) for fact in facts]
        if self.topics:
            values = [message.value for message in await publish(tx, facts)]
        else:
            values = [fact.model_dump_json(exclude_none=True).encode() for fact in facts]
        own = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)] or [{}] * len(facts)
        rows = [
            _row(fact, content_sha256(value), value.decode(), beside)
            async for part in slices(list(zip(facts, values, own, strict=True)))
            for fact, value, beside in part
        ]
        await self._insert(tx, rows, own=columns)
        return facts

    async def append_if_new(self, tx: Connection, fact: F, last: F | None) -> F:
        """Appends a fact and returns it; returns `last`, its last revision, where that says the same."""
        if last is not None and fact.says_the_same_as(last):
            return last
        (kept,) = await self.append(tx, [fact])
        return kept

    async def newest(
        self,
        tx: Connection,
        campaign: str,
        *,
        ids: Collection[str] | None = None,
        known_at: datetime | None = None,
        containing: Mapping[str, Any] | None = None,
    ) -> list[F]:
        """The highest revision of each fact of a campaign, or of those with these ids, ordered by id.

        `known_at`: of the revisions known then. `containing`: of these the ones whose data contain that (jsonb `@>`).
        """
        rows = await tx.fetch(
            f"""
            SELECT type, data::text
              FROM (SELECT DISTINCT ON (id) id, type, data FROM {self.name}
                     WHERE campaign = $1 AND ($2::text[] IS NULL OR id = ANY ($2))
                       AND ($3::timestamptz IS NULL OR known_at <= $3)
                     ORDER BY id, revision DESC) AS newest
             WHERE $4::text IS NULL OR data @> $4::text::jsonb
             ORDER BY id
            """,  # noqa: S608
            campaign,
            None if ids is None else list(ids),
            known_at,
            None if containing is None else json.dumps(containing),
        )
        return [self.fact(row) for row in rows]

    async def last(self, tx: Connection, campaign: str, fact_id: str) -> F | None:
        """The highest revision of one fact; None when nothing was ever said of it."""
        row = await tx.fetchrow(
            f"SELECT type, data::text FROM {self.name} WHERE campaign = $1 AND id = $2 ORDER BY revision DESC LIMIT 1",  # noqa: S608
            campaign,
            fact_id,
        )
        return None if row is None else self.fact(row)

    async def every(self, tx: Connection, campaign: str, known_at: datetime | None = None) -> list[F]:
        """Every revision of every fact of a campaign, as known at an instant (None: now), by id and revision."""
        rows = await tx.fetch(
            f"""
            SELECT type, data::text FROM {self.name}
             WHERE campaign = $1 AND ($2::timestamptz IS NULL OR known_at <= $2) ORDER BY id, revision
            """,  # noqa: S608
            campaign,
            known_at,
        )
        return [self.fact(row) for row in rows]

    async def unknown(self, tx: Connection, facts: Sequence[Fact]) -> list[int]:
        """Which of these, by their index, are revisions that the database does not have."""
        if not facts:
            return []
        rows = await tx.fetch(
            f"""
            SELECT ord
              FROM unnest($1::text[], $2::text[], $3::int[]) WITH ORDINALITY AS told (campaign, id, revision, ord)
             WHERE NOT EXISTS (SELECT FROM {self.name} AS kept
                                WHERE (kept.campaign, kept.id, kept.revision) = (told.campaign, told.id, told.revision))
             ORDER BY ord
            """,  # noqa: S608
            *map(list, zip(*map(_key, facts), strict=True)),
        )
        return [row["ord"] - 1 for row in rows]

    def fact(self, row: asyncpg.Record) -> F:
        """The fact of a row with `type`, and `data` as text."""
        return self._by_type[row["type"]].stored(row["data"])

    async def _insert(
        self, tx: Connection, rows: Sequence[str], ending: str = "", own: Iterable[str] = ()
    ) -> list[Any]:
        """Every column by its name: the table may have got more since, or be about to lose some of those."""
        names = ", ".join(f'"{name}"' for name in (*COLUMNS, *own))
        records = f"jsonb_populate_recordset(NULL::{self.name}, $1::text::jsonb)"
        statement = f"INSERT INTO {self.name} ({names}) SELECT {names} FROM {records} {ending}"  # noqa: S608
        return await tx.fetch(statement, f"[{','.join(rows)}]")

    async def _conflicts(self, tx: Connection, received: Sequence[Received[F]]) -> list[Received[F]]:
        keys = [_key(each.event) for each in received]
        rows = await tx.fetch(
            f"""
            SELECT content_sha256, type, data::text
              FROM unnest($1::text[], $2::text[], $3::int[]) WITH ORDINALITY AS sent (campaign, id, revision, ord)
              JOIN {self.name} USING (campaign, id, revision) ORDER BY ord
            """,  # noqa: S608
            *map(list, zip(*keys, strict=True)),
        )
        return [
            each
            async for part in slices(list(zip(received, rows, strict=True)))
            for each, row in part
            if row["content_sha256"] != each.content_sha256 and self.fact(row) != each.event
        ]


def _key(fact: Fact) -> tuple[str, str, int]:
    return fact.campaign, fact.subject, fact.revision


def _row(fact: Fact, content: bytes, data: str, beside: Mapping[str, Any] | None = None) -> str:
    columns = {
        "campaign": fact.campaign,
        "id": fact.subject,
        "revision": fact.revision,
        "known_at": fact.known_at.astimezone(UTC).isoformat(),  # PostgreSQL reads no offset of 16 hours
        "type": fact.type,
        "content_sha256": f"\\x{content.hex()}",
        **(beside or {}),
    }
    return f'{json.dumps(columns)[:-1]}, "data": {data}}}'
