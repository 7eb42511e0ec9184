"""One reading for each question: one state of the database, of which everything is read once."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, Final

from chassis.refusal import Unknown
from contracts.schools import SchoolListed, kecamatan_in_one_spelling
from contracts.targets import FigureStated, TargetUpdated
from contracts.visits import Visit
from exactly_once import Connection, Pool
from reporting.projection.changes import campaigns
from reporting.projection.facts import CAMPAIGNS, SCHOOLS, STATEMENTS, TARGETS, VISITS, known_by
from reporting.projection.progress import FACT_TOPICS, WATERMARK
from reporting.questions.coverage import By, Counts, Coverage, coverage
from reporting.questions.moment import Campaign, Heard, Moment
from reporting.questions.targets import TargetsInForce, in_force
from reporting.questions.visits import in_order

HEARD: Final = f"""
    SELECT sum(revision)::bigint AS revision, max(last_known_at) AS last_known_at,
           (SELECT recorded_on FROM reporting.coverage_day WHERE campaign = $1 AND n <> 0
             ORDER BY recorded_on DESC LIMIT 1) AS last_recorded_on,
           ({WATERMARK.replace("$topics", "$2::text[]")}) AS watermark,
           ARRAY(SELECT data::text FROM {CAMPAIGNS.name} WHERE campaign = $1 ORDER BY revision) AS opened
      FROM reporting.campaign_change WHERE campaign = $1 HAVING count(*) > 0
"""  # noqa: S608
# Of targets every revision, whenever it was known: which are in force is asked for several instants.
FACTS: Final = f"""
    SELECT 'target' AS noun, type, data::text FROM {TARGETS.name} WHERE campaign = $1
    UNION ALL
    SELECT * FROM (SELECT DISTINCT ON (id) 'school', type, data::text FROM {SCHOOLS.name}
                    WHERE campaign = $1 AND ($2::timestamptz IS NULL OR known_at <= $2)
                    ORDER BY id, revision DESC) AS school
    UNION ALL
    SELECT * FROM (SELECT DISTINCT ON (id) 'visit', type, data::text FROM {VISITS.name}
                    WHERE campaign = $1 AND ($2::timestamptz IS NULL OR known_at <= $2)
                    ORDER BY id, revision DESC) AS visit
"""  # noqa: S608
# As known now: kept up to date by every batch.
LIVE: Final = """
    SELECT "group", recorded_on, kind, domicile, n FROM reporting.coverage_day
     WHERE campaign = $1 AND n <> 0 AND $2::timestamptz IS NULL
"""
# As known at an instant: each person's highest revision of those known by then, summed up at once.
KNOWN: Final = """
    SELECT "group", recorded_on, kind, domicile, count(*) AS n
      FROM (SELECT DISTINCT ON (person_id)
                   counts, "group", recorded_on, kind, coalesce(domicile_regency, '') AS domicile
              FROM reporting.recording_revision
             WHERE campaign = $1 AND known_at <= $2
             ORDER BY person_id, revision DESC) AS latest
     WHERE counts
     GROUP BY "group", recorded_on, kind, domicile
"""
COLUMNS: Final[Mapping[By, str]] = {"group": '"group"', "day": "recorded_on", "kind": "kind", "domicile": "domicile"}


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction in which every query sees the same state."""
    async with pool.acquire() as tx, tx.transaction(isolation="repeatable_read", readonly=True):
        yield tx


async def hear(tx: Connection, slug: str) -> Heard:
    """What has been heard of a campaign. Raises Unknown."""
    row = await tx.fetchrow(HEARD, slug, FACT_TOPICS)
    if row is None:
        raise Unknown("Nothing has been heard of this campaign yet.")
    opened = [CAMPAIGNS.models[0].stored(data) for data in row["opened"]]
    return Heard(slug, row["revision"], row["last_known_at"], row["last_recorded_on"], row["watermark"], opened)


async def every_campaign(tx: Connection) -> list[Campaign]:
    """The campaigns of which something has been heard, by their slugs."""
    return [(await hear(tx, slug)).moment().campaign for slug in await campaigns(tx)]


async def moment(tx: Connection, heard: Heard, as_of: date | None, known_at: datetime | None) -> Moment:
    """The moment that is asked for; once it is final it says nothing that was learnt later."""
    at = heard.moment(as_of, known_at)
    if at.asked_known_at is None or not at.final:
        return at
    return replace(at, watermark=at.known_at, revision=await known_by(tx, heard.slug, at.known_at))


@dataclass(frozen=True)
class Reading:
    """What was known at a moment, each kind of fact made when it is first asked for."""

    tx: Connection
    moment: Moment
    rows: Mapping[str, list[Any]]

    @cached_property
    def decided(self) -> list[TargetUpdated]:
        """Every revision of the office's decisions, those that were not known yet too, by scope and revision."""
        targets = [TARGETS.fact(row) for row in self.rows["target"]]
        return sorted(targets, key=lambda target: (target.scope, target.revision))

    @property
    def decided_by_then(self) -> list[TargetUpdated]:
        """Those of the decisions that were known at the moment."""
        then = self.moment.asked_known_at
        return [target for target in self.decided if then is None or target.known_at <= then]

    @cached_property
    def targets(self) -> TargetsInForce:
        return in_force(self.decided, self.moment.as_of, self.moment.asked_known_at)

    @cached_property
    def schools(self) -> dict[str, SchoolListed]:
        """By NPSN, each kecamatan in one spelling."""
        return _by_npsn(map(SCHOOLS.fact, self.rows["school"]))

    @cached_property
    def visits(self) -> list[Visit]:
        """In the order of their days."""
        return in_order(map(VISITS.fact, self.rows["visit"]))

    async def coverage(self, *by: By) -> list[Coverage]:
        """How far the campaign is, with each of these sorts of rows."""
        targets = self.targets
        counts = await self.count(*by, since=targets.counting_from, starts=targets.later_starts)
        return [coverage(self.moment, targets, self.schools, *way) for way in zip(by, counts, strict=True)]

    async def days(self, group: str) -> Mapping[str, int]:
        """How many persons of a group count on each day."""
        since = self.targets.later_starts.get(group, self.targets.counting_from)
        (counts,) = await self.count("day", since=since, group=group)
        return counts.rows

    async def count(
        self, *by: By, since: date | None, starts: Mapping[str, date] | None = None, group: str | None = None
    ) -> list[Counts]:
        """How many persons count from a day on, in each of these ways; of one group alone when it is given.

        `starts` are later first days of some groups.
        """
        slug, known_at = self.moment.campaign.campaign, self.moment.asked_known_at
        columns = [COLUMNS[way] for way in by]
        starts = starts or {}
        rows = await self.tx.fetch(
            f"""
            SELECT {", ".join(f"{column}::text" for column in columns)}, sum(n)::bigint AS n,
                   coalesce(sum(n) FILTER (WHERE start.day IS NULL OR recorded_on >= start.day), 0)::bigint AS own
              FROM ({LIVE if known_at is None else KNOWN}) AS counted
              LEFT JOIN unnest($6::text[], $7::date[]) AS start ("group", day) USING ("group")
             WHERE recorded_on BETWEEN coalesce($3::date, '-infinity') AND $4::date
               AND ($5::text IS NULL OR "group" = $5)
             GROUP BY GROUPING SETS ({", ".join(f"({column})" for column in columns)})
            HAVING sum(n) <> 0
             ORDER BY {", ".join(columns)}
            """,  # noqa: S608
            slug,
            known_at,
            since,
            self.moment.as_of,
            group,
            list(starts),
            list(starts.values()),
        )
        counted: list[dict[str, int]] = [{} for _ in by]
        totals = [0 for _ in by]
        for row in rows:
            way = next(number for number in range(len(by)) if row[number] is not None)
            counted[way][row[way]] = row["own"] if by[way] == "group" else row["n"]
            totals[way] += row["n"]
        return [Counts(in_rows, total) for in_rows, total in zip(counted, totals, strict=True)]


async def read(tx: Connection, at: Moment) -> Reading:
    """Reads the facts of a moment."""
    rows: dict[str, list[Any]] = defaultdict(list)
    for row in await tx.fetch(FACTS, at.campaign.campaign, at.asked_known_at):
        rows[row["noun"]].append(row)
    return Reading(tx, at, rows)


async def statements(tx: Connection, at: Moment) -> list[FigureStated]:
    """The statements, each as its highest revision says, in the order in which they were stated."""
    stated = await STATEMENTS.newest(tx, at.campaign.campaign, known_at=at.asked_known_at)
    return sorted(stated, key=lambda statement: (statement.stated_on, statement.statement_id))


def _by_npsn(listed: Iterable[SchoolListed]) -> dict[str, SchoolListed]:
    """The schools with each kecamatan in one spelling: what groups them, here and for whoever reads the answers.

    Where a code is given, the one that most of its schools have, of several the first in the alphabet.
    """
    spelled = {school.npsn: (school, kecamatan_in_one_spelling(school.kecamatan)) for school in listed}
    of_code: dict[str, Counter[str]] = defaultdict(Counter)
    for school, kecamatan in spelled.values():
        if school.kecamatan_code is not None:
            of_code[school.kecamatan_code][kecamatan] += 1
    named = {code: min(names, key=lambda name: (-names[name], name)) for code, names in of_code.items()}
    return {
        npsn: school.model_copy(update={"kecamatan": named.get(school.kecamatan_code or "", kecamatan)})
        for npsn, (school, kecamatan) in spelled.items()
    }
