"""Who counts, through the service's own handler and HTTP, on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4, uuid5

import pytest

from contracts.envelope import NAMESPACE
from tests.integration.enrollment.audit import audit
from tests.integration.enrollment.world import CAMPAIGN, World, at, nik


async def test_the_first_recording_counts_on_its_day_for_its_school(world: World) -> None:
    await world.open()
    counter = await world.counter()
    # Half past midnight in Malang: still the day before in UTC.
    first = counter.submission(recorded_at=at(1, 0, 30), replayed_at=at(1, 10), group="npsn:20533456")
    assert await world.handle(first) == []
    assert await world.decision(first) == ("counted", None)
    person = await world.person(first)
    assert (person["counts"], person["group"], person["recorded_on"]) == (True, "npsn:20533456", "2024-10-01")
    assert person["person_id"] == str(uuid5(NAMESPACE, f"person/{CAMPAIGN}/{first.event.submission_id}"))
    (event,) = await world.published("recording-completed")
    assert (event.revision, event.cause, event.known_at) == (1, "recorded", at(1, 10))
    assert event.received_at == at(1, 10)
    await audit(world.pool)


async def test_of_a_person_twice_in_one_batch_the_earlier_counts(world: World) -> None:
    await world.open()
    counter = await world.counter()
    later = counter.submission(recorded_at=at(2), replayed_at=at(3, 10))
    earlier = counter.submission(recorded_at=at(1), replayed_at=at(3, 11))
    assert await world.handle(later, earlier) == []
    assert await world.decision(earlier) == ("counted", None)
    assert await world.decision(later) == ("duplicate", None)
    assert await world.history(later) == [
        (1, "recorded", True, "2024-10-02"),
        (2, "earlier_recording", True, "2024-10-01"),
    ]
    await audit(world.pool)


async def test_an_earlier_one_that_arrives_late_moves_the_day_and_the_school(world: World) -> None:
    await world.open()
    office, school = await world.counter("office"), await world.counter("school")
    later = office.submission(recorded_at=at(8), replayed_at=at(8, 10), kind="office")
    await world.handle(later)
    earlier = school.submission(recorded_at=at(4), replayed_at=at(11, 8), group="npsn:20533456", kind="school_visit")
    await world.handle(earlier)
    person = await world.person(later)
    assert (person["revision"], person["recorded_on"], person["group"], person["kind"]) == (
        2,
        "2024-10-04",
        "npsn:20533456",
        "school_visit",
    )
    assert await world.decision(later) == ("duplicate", None)
    feed = (await world.http.get("/v1/devices/office/decisions")).json()
    assert [(one["outcome"], one["revision"]) for one in feed["decisions"]] == [("counted", 1), ("duplicate", 2)]
    await audit(world.pool)


async def test_a_later_one_is_a_duplicate_and_says_nothing_of_the_person(world: World) -> None:
    await world.open()
    counter = await world.counter()
    first, second = counter.submission(recorded_at=at(1)), counter.submission(recorded_at=at(2))
    await world.handle(first)
    await world.handle(second)
    assert await world.decision(second) == ("duplicate", None)
    assert len(await world.history(first)) == 1
    assert await world.person_id(first) == await world.person_id(second)
    await audit(world.pool)


async def test_people_are_told_apart_by_nik_and_campaign_alone(world: World) -> None:
    await world.open()
    await world.open("batu-2024")
    here, there = await world.counter(), await world.counter("mpp-2", "batu-2024")
    mine, hers = here.submission(nik(1)), here.submission(nik(2))
    elsewhere = there.submission(nik(1))
    assert await world.handle(mine, hers, elsewhere) == []
    assert {await world.decision(mine), await world.decision(hers)} == {("counted", None)}
    assert await world.decision(elsewhere, "batu-2024") == ("counted", None)
    assert await world.pool.fetchval("SELECT count(*) FROM enrollment.person") == 3
    await audit(world.pool)


async def test_void_promotes_the_next_and_restore_takes_it_back(world: World) -> None:
    await world.open()
    counter = await world.counter()
    first = counter.submission(recorded_at=at(1), replayed_at=at(5), group="npsn:20533456")
    second = counter.submission(recorded_at=at(2), replayed_at=at(5, 10), group="npsn:20533457")
    await world.handle(first, second)

    voided = await world.office("void", first, known_at=at(6))
    assert voided.status_code == 200
    assert voided.headers["etag"] == '"2.1"'
    assert (voided.json()["counts"], voided.json()["group"], voided.json()["cause"]) == (
        True,
        "npsn:20533457",
        "voided",
    )
    assert await world.decision(first) == ("rejected", "voided")
    assert await world.decision(second) == ("counted", None)

    gone = await world.office("void", first, known_at=at(7))
    assert (gone.json()["counts"], gone.json()["group"], gone.json()["revision"]) == (False, "npsn:20533457", 3)
    nothing = await world.office("void", first, known_at=at(8))
    assert (nothing.status_code, nothing.json()["type"]) == (409, "/problems/refused")

    last = await world.office("restore", first, known_at=at(9))  # what was voided last: the second
    assert (last.json()["counts"], last.json()["group"], last.json()["cause"]) == (True, "npsn:20533457", "restored")
    both = await world.office("restore", first, known_at=at(10))
    assert (both.json()["group"], both.json()["revision"]) == ("npsn:20533456", 5)
    assert await world.decision(second) == ("duplicate", None)
    assert (await world.office("restore", first, known_at=at(11))).status_code == 409
    assert [event.type.split(".")[1] for event in await world.published("recording-")] == [
        "recording-completed",
        "recording-voided",
        "recording-voided",
        "recording-completed",
        "recording-completed",
    ]
    assert [event.known_at for event in await world.published("recording-")] == [
        at(5), at(6), at(7), at(9), at(10)
    ]  # fmt: skip
    await audit(world.pool)


async def test_a_duplicate_may_be_voided_and_the_person_stays_as_they_are(world: World) -> None:
    await world.open()
    counter = await world.counter()
    first, second = counter.submission(recorded_at=at(1)), counter.submission(recorded_at=at(2))
    await world.handle(first, second)
    answer = await world.office("void", first, submission_id=second.event.submission_id, known_at=at(6))
    assert (answer.status_code, answer.json()["revision"], answer.json()["counts"]) == (200, 1, True)
    assert await world.decision(second) == ("rejected", "voided")
    again = await world.office("void", first, submission_id=second.event.submission_id, known_at=at(6))
    assert again.status_code == 409
    restored = await world.office("restore", first, submission_id=second.event.submission_id, known_at=at(6))
    assert restored.json()["revision"] == 1
    assert await world.decision(second) == ("duplicate", None)
    await audit(world.pool)


async def test_a_reattribution_stays_whatever_arrives(world: World) -> None:
    await world.open()
    counter = await world.counter()
    later = counter.submission(recorded_at=at(2), replayed_at=at(3), group="npsn:20533456")
    await world.handle(later)
    moved = await world.office("reattribute", later, group="npsn:20533458", known_at=at(4))
    assert (moved.json()["group"], moved.json()["cause"], moved.json()["revision"]) == (
        "npsn:20533458",
        "reattributed",
        2,
    )
    await world.handle(counter.submission(recorded_at=at(1), replayed_at=at(5), group="npsn:20533457"))
    person = await world.person(later)
    assert (person["group"], person["recorded_on"]) == ("npsn:20533458", "2024-10-01")
    same = await world.office("reattribute", later, group="npsn:20533458", known_at=at(6))
    assert (same.status_code, same.json()["revision"]) == (200, 3)  # nothing visible changed: no revision
    await audit(world.pool)


async def test_who_has_only_held_recordings_is_not_published(world: World) -> None:
    await world.open()
    counter = await world.counter()
    child = counter.submission(nik(3, "2009-05-17"), birth_date="2009-05-17", recorded_at=at(1))
    await world.handle(child)
    assert await world.decision(child) == ("held", "under_age")
    assert await world.published("recording-") == []
    person = await world.person(child)
    assert (person["revision"], person["counts"]) == (0, False)
    assert (await world.office("void", child, known_at=at(2))).status_code == 409  # nothing of them counts
    named = await world.office("void", child, submission_id=child.event.submission_id, known_at=at(2))
    assert (named.status_code, named.headers["etag"]) == (200, '"0.2"')
    assert await world.published("recording-") == []
    await audit(world.pool)


EDGES = [
    ("2007-11-27", False, at(1), ("counted", None)),  # turns 17 on voting day itself
    ("2007-11-28", False, at(1), ("held", "not_a_voter")),
    ("2007-11-28", True, at(1), ("counted", None)),
    ("2008-10-01", True, at(1), ("counted", None)),  # 16 today
    ("2008-10-02", True, at(1), ("held", "under_age")),
    ("2008-02-29", True, at(1), ("counted", None)),
    ("2007-05-17", False, at(1, 0, 0, month=9), ("counted", None)),  # the first moment of the first day, WIB
    ("2007-05-17", False, at(1, 0, 0, month=9) - timedelta(microseconds=1), ("held", "before_opening")),
    ("2007-05-17", False, at(3, 9, 5), ("counted", None)),  # received on the 3rd, at 9
    ("2007-05-17", False, at(3, 9, 5) + timedelta(microseconds=1), ("held", "in_the_future")),
]


async def test_held_by_the_rules_to_the_day_and_the_moment(world: World) -> None:
    await world.open()
    counter = await world.counter()
    messages = [
        counter.submission(
            nik(number, birth_date), recorded_at, birth_date=birth_date, married=married, replayed_at=at(3, 9)
        )
        for number, (birth_date, married, recorded_at, _) in enumerate(EDGES, start=1)
    ]
    await world.handle(*messages)
    assert [await world.decision(message) for message in messages] == [expected for *_, expected in EDGES]
    await audit(world.pool)


async def test_a_birth_date_that_differs_from_the_nik_is_a_flag_and_nothing_more(world: World) -> None:
    await world.open()
    counter = await world.counter()
    agrees, differs = counter.submission(nik(1)), counter.submission(nik(2, "2006-01-01"), birth_date="2007-05-17")
    await world.handle(agrees, differs)
    assert await world.decision(differs) == ("counted", None)
    flags = await world.pool.fetch("SELECT submission_id::text, birth_date_agrees FROM enrollment.submission")
    assert dict(map(tuple, flags)) == {agrees.event.submission_id: True, differs.event.submission_id: False}


async def test_in_a_live_campaign_postgresqls_clock_decides(world: World) -> None:
    await world.open(clock="live")
    counter = await world.counter()
    before = await world.pool.fetchval("SELECT clock_timestamp()")
    appended = datetime.now(UTC).replace(microsecond=123_000) - timedelta(hours=1)
    message = counter.submission(recorded_at=appended, birth_date="2000-01-01")
    message.record.timestamp = int(appended.timestamp() * 1000)  # type: ignore[misc]
    await world.handle(message)
    (event,) = await world.published("recording-")
    assert before < event.known_at < await world.pool.fetchval("SELECT clock_timestamp()")
    assert event.received_at == appended


async def test_in_one_transaction_known_at_still_increases(world: World) -> None:
    await world.open(clock="live")
    counter = await world.counter()
    days = [counter.submission(recorded_at=at(day), birth_date="2000-01-01") for day in (3, 2, 1)]
    await world.handle(*days)
    first, second, third = [event.known_at for event in await world.published("recording-")]
    assert (second - first, third - second) == (timedelta(microseconds=1), timedelta(microseconds=1))
    await audit(world.pool)


async def test_in_a_replayed_campaign_the_replayed_clock_decides_within_a_batch_too(world: World) -> None:
    """Two devices' records come in any order: what was known first is decided first."""
    await world.open()
    counter = await world.counter()
    known_late = counter.submission(recorded_at=at(1), replayed_at=at(20))
    known_early = counter.submission(recorded_at=at(2), replayed_at=at(8))
    await world.handle(known_late, known_early)
    assert [(e.known_at, e.recorded_on.day) for e in await world.published("recording-")] == [(at(8), 2), (at(20), 1)]


async def test_a_replayed_clock_that_goes_back_is_a_tick_later(world: World) -> None:
    await world.open()
    counter = await world.counter()
    await world.handle(counter.submission(recorded_at=at(2), replayed_at=at(20)))
    await world.handle(counter.submission(recorded_at=at(1), replayed_at=at(8)))
    assert [e.known_at for e in await world.published("recording-")] == [at(20), at(20) + timedelta(microseconds=1)]


async def test_without_the_header_a_replayed_campaign_falls_back_to_the_clock(world: World) -> None:
    await world.open()
    counter = await world.counter()
    await world.handle(counter.submission(recorded_at=at(2)))
    (event,) = await world.published("recording-")
    assert datetime.now(UTC) - event.known_at < timedelta(minutes=1)
    assert datetime.now(UTC) - event.received_at < timedelta(minutes=1)


async def test_a_closed_session_is_kept_once(world: World) -> None:
    await world.open()
    counter = await world.counter()
    session_id = str(uuid4())
    closing = counter.closing(session_id, 52, replayed_at=at(1, 17))
    assert await world.handle(closing, closing) == []
    assert await world.handle(closing) == []
    rows = await world.pool.fetch("SELECT device_id, submissions, received_at FROM enrollment.session_closed")
    assert [tuple(row) for row in rows] == [("mpp-1", 52, at(1, 17))]


async def test_tables_of_truth_refuse_to_be_changed(world: World) -> None:
    await world.open()
    counter = await world.counter()
    await world.handle(counter.submission())
    for table in (
        "submission",
        "submission_decision_revision",
        "person_revision",
        "campaign_revision",
        "person_submission",
        "operation",
    ):
        for statement in (f"UPDATE enrollment.{table} SET campaign = campaign", f"DELETE FROM enrollment.{table}"):
            with pytest.raises(Exception, match="append-only"):
                await world.pool.execute(statement)
