"""The library: what was recorded is sealed, numbered, in a session, and told apart by content."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.submissions import RecordingSubmitted, SessionClosed
from counter import Counter, EnrollmentUnavailable, FieldError, NotSetUp, RecordingRefused
from counter.csv_import import Row
from tests.unit.counter.support import (
    CAMPAIGN,
    NOON,
    Broker,
    Office,
    new_counter,
    nik,
    numbers,
    readable,
    recording,
    values,
)


def events(counter: Counter) -> list[RecordingSubmitted]:
    return [RecordingSubmitted.model_validate_json(one) for one in values(counter) if b'"submission_id"' in one]


async def test_nothing_readable_is_on_disk(counter: Counter, home: Path, office: Office) -> None:
    counter.record(recording(1, married=True))
    list(counter.import_rows([Row(2, recording(2)), Row(3, recording(2, married=True))]))
    counter.close_session()
    with Counter.open(home, transport=Broker()) as sender:
        await sender.send()
    assert readable(home, nik(1), nik(2), "2007-01-31", "31012007", '"married":true', "birth_date") == []
    found = {file for _, file in readable(home, counter.device_id)}
    assert "queue.db-wal" in found, "the search finds what is there, in the write-ahead log too"


def test_the_home_is_its_owners_alone(counter: Counter, home: Path) -> None:
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "device.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_can_read_is_not_used(counter: Counter, home: Path) -> None:
    (home / "device.key").chmod(0o640)
    with pytest.raises(NotSetUp, match="chmod 600"):
        Counter.open(home)


def test_rows_of_a_file_again_store_nothing_twice(counter: Counter) -> None:
    first = list(counter.import_rows([Row(2, recording(1)), Row(3, recording(2))]))
    mended = list(counter.import_rows([Row(2, recording(1)), Row(3, recording(2)), Row(4, recording(3))]))
    assert [one.result for one in first] == ["stored", "stored"]
    assert [one.result for one in mended] == ["already stored", "already stored", "stored"]
    assert [one.submission_id for one in mended[:2]] == [one.submission_id for one in first]
    assert numbers(counter) == [1, 2, 3]


def test_the_same_row_twice_in_one_file_is_stored_once(counter: Counter) -> None:
    results = counter.import_rows([Row(2, recording(1)), Row(3, recording(1)), Row(4, recording(2))])
    assert [one.result for one in results] == ["stored", "already stored", "stored"]


def test_a_stored_row_mended_in_another_column_is_not_silently_dropped(counter: Counter) -> None:
    list(counter.import_rows([Row(2, recording(1))]))
    for changed in ({"married": True}, {"place": "Aula"}, {"family_card": True}):
        (result,) = counter.import_rows([Row(2, recording(1, **changed))])
        assert result.result == "refused" and "stored already with other values" in result.message
    assert numbers(counter) == [1]


def test_an_id_of_ones_own_means_one_recording(counter: Counter) -> None:
    name = "0191f0e0-7b1c-7d3e-8f00-0123456789ab"
    counter.record(recording(1, submission_id=name))
    with pytest.raises(RecordingRefused, match="stored already with other values"):
        counter.record(recording(2, submission_id=name))
    with pytest.raises(RecordingRefused):
        counter.record_many([recording(3), recording(2, submission_id=name)])
    assert numbers(counter) == [1], "all or none"
    (result,) = counter.import_rows([Row(9, recording(2, submission_id=name))])
    assert (result.number, result.result) == (9, "refused")


def test_a_bad_row_stops_no_other(counter: Counter) -> None:
    rows = [Row(2, recording(1)), Row(3, None, (FieldError("nik", "is empty"),)), Row(4, recording(2))]
    results = list(counter.import_rows(rows))
    assert [(one.number, one.result, one.message) for one in results] == [
        (2, "stored", ""),
        (3, "refused", "nik is empty"),
        (4, "stored", ""),
    ]


def test_a_nik_of_another_birth_date_is_stored_with_a_warning(counter: Counter) -> None:
    (result,) = counter.import_rows([Row(2, recording(nik=nik(1).replace("3101", "3001")))])
    assert result.result == "stored" and "check: the birth date within the NIK" in result.message


def test_a_session_opens_by_itself_and_closes_with_its_count(counter: Counter) -> None:
    assert counter.close_session() is None
    own = "0191f0e0-7b1c-7d3e-8f00-0123456789ab"
    counter.record_many([recording(1), recording(2), recording(3, session_id=own)])
    at = datetime.now(UTC)
    closed = counter.close_session(closed_at=at)
    session = events(counter)[0].session_id
    assert closed == (session, 2)
    assert [one.session_id for one in events(counter)[:3]] == [session, session, own]
    event = SessionClosed.model_validate_json(values(counter)[3])
    assert (event.device_seq, event.session_id, event.submissions, event.closed_at) == (4, session, 2, at)
    assert counter.close_session() is None
    assert counter.close_session(own.upper()) == (own, 1)
    with pytest.raises(RecordingRefused, match=r"session_id harus UUID.* must be a UUID"):
        counter.close_session("sesi-1")
    counter.record(recording(4))
    assert events(counter)[-1].session_id not in (session, own)
    assert numbers(counter) == [1, 2, 3, 4, 5, 6]


def test_ids_of_ones_own_are_kept_in_lower_case(counter: Counter) -> None:
    own = "0191f0e0-7b1c-7d3e-8f00-0123456789ab"
    kept = counter.record(recording(1, submission_id=own.upper(), session_id=own.upper()))
    assert kept.submission_id == own
    assert (events(counter)[0].submission_id, events(counter)[0].session_id) == (own, own)
    assert not counter.record(recording(1, submission_id=own, session_id=own)).new


async def test_decisions_are_read_in_pages_and_once(counter: Counter, office: Office) -> None:
    kept = counter.record_many([recording(n) for n in range(1, 6)])
    office.page = 2
    for one, outcome in zip(kept, ["counted", "duplicate", "held", "rejected", "counted"], strict=True):
        office.decide(one.submission_id, outcome, reason="under_age" if outcome == "held" else None)
    assert await counter.refresh_decisions() == 5
    office.decide(kept[1].submission_id, "counted", revision=2)
    assert await counter.refresh_decisions() == 1
    now = counter.status()
    assert dict(now.outcomes) == {"counted": 3, "held": 1, "rejected": 1}
    assert (now.total, now.stored_here, now.sent, now.decided, now.needs_attention) == (5, 0, 0, 3, 2)
    assert [(one.device_seq, one.why, one.reason) for one in now.attention] == [
        (4, "rejected", None),
        (3, "held", "under_age"),
    ]


async def test_an_answer_that_is_no_decision_is_told_and_changes_nothing(counter: Counter, office: Office) -> None:
    kept = counter.record(recording())
    office.decisions.append({"submission_id": kept.submission_id})
    with pytest.raises(EnrollmentUnavailable, match="no list of decisions"):
        await counter.refresh_decisions()
    assert counter.status().stored_here == 1 and counter.queue.decisions_cursor() is None


async def test_a_new_key_of_enrollment_is_used_after_a_send(counter: Counter, home: Path, office: Office) -> None:
    counter.record(recording(1))
    newest = office.new_key()
    with Counter.open(home, transport=Broker()) as sender:
        await sender.send()
        sender.record(recording(2))
    with Counter.open(home) as later:
        later.record(recording(3))
    assert [one.kid for one in events(counter)] == ["k1", newest, newest]
    assert [office.open(value).nik for value in values(counter)] == [nik(1), nik(2), nik(3)]


async def test_set_up_again_with_the_same_is_fine_with_other_is_refused(
    counter: Counter, home: Path, office: Office
) -> None:
    counter.record(recording())
    with await new_counter(home, office) as again:
        assert again.device_id == counter.device_id and numbers(again) == [1]
    assert len(office.devices) == 1
    with pytest.raises(NotSetUp, match=r"already, set up with another place \(MPP Merdeka\)"):
        await Counter.init(home, campaign=CAMPAIGN, enrollment=office.url, kind="mpp", place="Aula")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[", "nonsense"])
async def test_without_enrollment_nothing_is_made(tmp_path: Path, url: str) -> None:
    home = tmp_path / "loket"
    with pytest.raises(NotSetUp):
        await Counter.init(home, campaign=CAMPAIGN, enrollment=url, kind="mpp", place="MPP")
    assert not home.exists()


async def test_what_enrollment_says_against_it_is_told(tmp_path: Path, office: Office) -> None:
    office.refuse = (409, {"title": "Conflict", "detail": "this device has another key"})
    with pytest.raises(NotSetUp, match="answered 409: Conflict - this device has another key"):
        await new_counter(tmp_path / "loket", office)
    assert not (tmp_path / "loket").exists()


async def test_a_campaign_that_is_not_open_is_told_and_nothing_is_made(tmp_path: Path, office: Office) -> None:
    home = tmp_path / "loket"
    with pytest.raises(NotSetUp, match="answered 404: There is nothing here - There is no such campaign"):
        await Counter.init(home, campaign="lain-2024", enrollment=office.url, kind="mpp", place="MPP")
    assert not home.exists() and office.devices == {}


async def test_an_instant_of_replay_is_refused_in_a_live_campaign(home: Path, office: Office) -> None:
    office.clock = "live"
    with await new_counter(home, office) as counter:
        for refused in (
            lambda: counter.record(recording(1, replayed_at=NOON)),
            lambda: counter.record_many([recording(1), recording(2, replayed_at=NOON)]),
            lambda: counter.close_session(replayed_at=NOON),
        ):
            with pytest.raises(RecordingRefused, match=r"replayed_at hanya untuk .* is for replayed campaigns alone"):
                refused()
        assert numbers(counter) == []
        rows = [Row(2, recording(1)), Row(3, recording(2, replayed_at=NOON)), Row(4, recording(3))]
        results = list(counter.import_rows(rows))
        assert [(one.number, one.result) for one in results] == [(2, "stored"), (3, "refused"), (4, "stored")]
        assert results[1].message.startswith("replayed_at hanya untuk program peragaan")


async def test_a_home_of_old_learns_the_clock_when_it_sends(home: Path, office: Office) -> None:
    office.clock = "live"
    (await new_counter(home, office)).close()
    set_up = json.loads((home / "setup.json").read_text())
    del set_up["clock"]
    (home / "setup.json").write_text(json.dumps(set_up))
    with Counter.open(home, transport=Broker()) as counter:
        assert counter.record(recording(1, replayed_at=NOON)).new, "it cannot know yet"
        office.refuse = (503, {"title": "Down"})
        assert "were not refreshed" in (await counter.send()).notes[0]
        office.refuse = None
        assert (await counter.send()).complete
        with pytest.raises(RecordingRefused):
            counter.record(recording(2, replayed_at=NOON))
    with Counter.open(home) as later, pytest.raises(RecordingRefused):
        later.record(recording(2, replayed_at=NOON))
    with await new_counter(home, office) as again:
        assert again.setup.clock == "live"


def lose(home: Path, file: str) -> None:
    for part in home.glob(f"{file}*"):
        part.unlink()


@pytest.mark.parametrize("file", ["queue.db", "device.key", "keyset.json"])
async def test_a_home_that_lost_a_file_says_so(counter: Counter, home: Path, office: Office, file: str) -> None:
    counter.close()
    lose(home, file)
    with pytest.raises(NotSetUp, match=file):
        Counter.open(home)
    if file != "keyset.json":
        with pytest.raises(NotSetUp, match=file):
            await new_counter(home, office)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"campaign": 1}'])
def test_a_damaged_set_up_says_so(counter: Counter, home: Path, content: str) -> None:
    (home / "setup.json").write_text(content)
    with pytest.raises(NotSetUp, match=r"setup\.json"):
        Counter.open(home)


def test_status_without_anything(counter: Counter) -> None:
    now = counter.status()
    assert (now.campaign, now.kind, now.place, now.total) == (CAMPAIGN, "mpp", "MPP Merdeka", 0)
    assert (now.oldest_unsent, now.last_error, now.open_session) == (None, None, None)


def test_the_id_of_a_recording_is_of_its_time(counter: Counter) -> None:
    kept = counter.record(recording(recorded_at=NOON + timedelta(milliseconds=7)))
    assert int(kept.submission_id.replace("-", "")[:12], 16) == int(NOON.timestamp() * 1000) + 7


def test_a_home_may_be_named_relative(counter: Counter, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home.parent)
    with Counter.open("loket") as same:
        assert same.device_id == counter.device_id
    assert json.loads((home / "setup.json").read_text())["campaign"] == CAMPAIGN
