"""The tables equal a fold in plain Python: shuffled, repeated, cut into batches at random, by three writers at once."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.db import create_pool
from contracts.recordings import Recording
from exactly_once import Pool
from reporting.app import BATCHES
from reporting.projection import recordings
from reporting.questions.moment import Heard
from reporting.questions.reading import KNOWN, Reading
from stack.postgres import Database
from tests.integration.reporting.world import START, apply, group, recording
from tests.unit.reporting.fold import Cell, fold

WRITERS = 3
DAYS = [date(2024, 10, 1) + timedelta(days=number) for number in range(4)]
INSTANTS = [START + timedelta(hours=number) for number in range(-1, 14)]


@pytest.fixture
async def pool(migrated: Database) -> AsyncIterator[Pool]:
    async with create_pool(migrated.url, name="test", max_size=WRITERS, server_settings=BATCHES) as made:
        yield made


@st.composite
def histories(draw: st.DrawFn) -> list[Recording]:
    """Everything that enrollment ever said about a few persons of one campaign."""
    campaign = f"c-{uuid.uuid4().hex[:12]}"
    history: list[Recording] = []
    for number in range(draw(st.integers(1, 6))):
        hours = sorted(draw(st.sets(st.integers(0, 12), min_size=1, max_size=6)))
        for revision, hour in enumerate(hours, start=1):
            history.append(
                recording(
                    number,
                    revision,
                    campaign=campaign,
                    known=START + timedelta(hours=hour),
                    counts=draw(st.booleans()),
                    group=draw(st.sampled_from([group(1), group(2), "outside"])),
                    kind=draw(st.sampled_from(["mpp", "office"])),
                    recorded_on=draw(st.sampled_from(DAYS)),
                    domicile_regency=draw(st.sampled_from([None, "35.73", "35.79"])),
                )
            )
    return history


@st.composite
def deliveries(draw: st.DrawFn, history: Sequence[Recording]) -> list[list[list[Recording]]]:
    """How it reaches the writers: in any order, some of it twice, cut anywhere, each batch at any of them."""
    again = draw(st.lists(st.sampled_from(history), max_size=len(history)))
    events = draw(st.permutations([*history, *again]))
    writers: list[list[list[Recording]]] = [[] for _ in range(WRITERS)]
    while events:
        size = draw(st.integers(1, len(events)))
        draw(st.sampled_from(writers)).append(list(events[:size]))
        events = events[size:]
    return writers


async def write(pool: Pool, batches: list[list[Recording]]) -> None:
    for batch in batches:
        async with pool.acquire() as tx, tx.transaction():
            assert await apply(tx, *batch) == []


async def deliver(pool: Pool, writers: list[list[list[Recording]]]) -> None:
    await asyncio.gather(*(write(pool, batches) for batches in writers))


async def live_cells(pool: Pool, campaign: str) -> Counter[Cell]:
    rows = await pool.fetch(
        'SELECT "group", recorded_on, kind, domicile, n FROM reporting.coverage_day WHERE campaign = $1 AND n <> 0',
        campaign,
    )
    return Counter({Cell(*tuple(row)[:4]): row["n"] for row in rows})


async def known_cells(pool: Pool, campaign: str, as_of: date, known_at: datetime) -> Counter[Cell]:
    rows = await pool.fetch(
        f'SELECT "group", recorded_on, kind, domicile, n FROM ({KNOWN}) AS known WHERE recorded_on <= $3',
        campaign,
        known_at,
        as_of,
    )
    return Counter({Cell(*tuple(row)[:4]): row["n"] for row in rows})


async def same_as_the_fold(pool: Pool, history: list[Recording], as_of: date, known_at: datetime) -> None:
    campaign = history[0].campaign
    assert await live_cells(pool, campaign) == fold(history)
    assert await known_cells(pool, campaign, as_of, known_at) == fold(history, as_of=as_of, known_at=known_at)
    everything = INSTANTS[-1] + timedelta(days=1)
    async with pool.acquire() as tx:
        heard = Heard(campaign, 1, everything, None, None, [])
        live, known = (Reading(tx, heard.moment(as_of, instant), {}) for instant in (None, everything))
        ways = ("group", "day", "kind", "domicile")
        counts = await live.count(*ways, since=DAYS[1])
        assert counts == await known.count(*ways, since=DAYS[1])
        assert counts == [(await live.count(way, since=DAYS[1]))[0] for way in ways]
    cells = fold(history, as_of=as_of, counting_from=DAYS[1])
    for number, counted in enumerate(counts):
        by: Counter[str] = Counter()
        for cell, n in cells.items():
            by[str(cell[number])] += n
        assert (counted.rows, counted.total) == (by, by.total())


@pytest.mark.properties
@given(data=st.data(), history=histories())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
async def test_order_redelivery_batches_and_writers_change_nothing(
    pool: Pool, data: st.DataObject, history: list[Recording]
) -> None:
    await deliver(pool, data.draw(deliveries(history)))
    await same_as_the_fold(pool, history, data.draw(st.sampled_from(DAYS)), data.draw(st.sampled_from(INSTANTS)))


async def test_a_projection_without_the_revision_guard_is_caught(pool: Pool, monkeypatch: Any) -> None:
    """The test above sees what it is there for: here is the mistake, and there its assertion."""
    guard = "WHERE excluded.revision > latest.revision"
    assert guard in recordings.MERGE
    monkeypatch.setattr(recordings, "MERGE", recordings.MERGE.replace(guard, ""))
    history = [recording(1, 1), recording(1, 2, counts=False, cause="voided")]
    await deliver(pool, [[[history[1]], [history[0]]], [], []])
    with pytest.raises(AssertionError):
        await same_as_the_fold(pool, history, DAYS[-1], INSTANTS[-1])


async def test_a_person_several_times_in_one_batch_counts_as_the_highest_revision_says(pool: Pool) -> None:
    history = [recording(1, n, day=n, group=group(n)) for n in (1, 2, 3)]
    await deliver(pool, [[[history[1], history[2], history[0], history[2]]], [], []])
    assert await live_cells(pool, history[0].campaign) == fold(history)
    assert await pool.fetchval("SELECT count(*) FROM reporting.recording_revision") == 3


async def test_the_same_revision_with_other_content_is_rejected(pool: Pool) -> None:
    first, other = recording(1), recording(1, group=group(2))
    async with pool.acquire() as tx, tx.transaction():
        assert await apply(tx, first, recording(2)) == []
        assert await apply(tx, other, first, recording(3)) == ["revision_conflict"]
        assert await apply(tx, recording(4), recording(4, counts=False), recording(4)) == ["revision_conflict"]
    assert await live_cells(pool, first.campaign) == fold([recording(n) for n in (1, 2, 3, 4)])


async def test_what_is_known_already_does_not_raise_the_revision(pool: Pool) -> None:
    async with pool.acquire() as tx:
        for expected, event in [(1, recording(1, 2)), (1, recording(1, 2)), (2, recording(1, 1)), (2, recording(1, 1))]:
            await apply(tx, event)
            assert await tx.fetchval("SELECT sum(revision) FROM reporting.campaign_change") == expected
