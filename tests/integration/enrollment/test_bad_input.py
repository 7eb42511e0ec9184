"""What is wrong with a submission, and what becomes of it. Nobody else in the batch is ever harmed."""

from __future__ import annotations

import json
import logging
import os
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from prometheus_client import CollectorRegistry

from contracts.golden import read
from contracts.submissions import RecordingSubmitted, SessionClosed, sealing_info
from enrollment.consume import subscriptions
from enrollment.identity.keys import SealingKeys, WrongMasterKey
from enrollment.identity.vault import Vault
from enrollment.persons.rules import person_id_of
from exactly_once import Received
from tests.integration.enrollment.audit import audit
from tests.integration.enrollment.world import CAMPAIGN, FIRST, Counter, World, at, nik, received

CANARY = "3573990102030404"
EXAMPLES = Path(__file__).parents[3] / "packages/contracts/examples"


async def beside_a_good_one(world: World, counter: Counter, bad: Received[Any]) -> list[str]:
    """Hands over the bad one between two good ones, which must count; answers the reasons of the dead letters."""
    serial = next(iter(counter.numbers))
    before, after = counter.submission(nik(9000 + serial)), counter.submission(nik(9500 + serial))
    reasons = await world.handle(before, bad, after)
    assert await world.decision(before) == ("counted", None)
    assert await world.decision(after) == ("counted", None)
    await audit(world.pool)
    return reasons


async def undecided(world: World, message: Received[Any], campaign: str = CAMPAIGN) -> bool:
    answer = await world.http.get(f"/v1/campaigns/{campaign}/submissions/{message.event.submission_id}")
    return answer.status_code == 404


async def test_an_unknown_device_is_a_dead_letter_until_it_is_registered(world: World) -> None:
    await world.open()
    counter = await world.counter()
    stranger = Counter("stranger", counter.kid, counter.public_key)
    message = stranger.submission()
    assert await beside_a_good_one(world, counter, message) == ["unknown_device"]
    assert await undecided(world, message)
    registered = await world.counter("stranger")
    replayed = registered.record(message.event)
    assert await world.handle(replayed) == []
    assert await world.decision(message) == ("counted", None)


async def test_a_device_of_another_campaign_is_unknown_here(world: World) -> None:
    await world.open()
    await world.open("batu-2024")
    counter = await world.counter()
    abroad = await world.counter("batu-1", "batu-2024")
    abroad.campaign = CAMPAIGN
    assert await beside_a_good_one(world, counter, abroad.submission()) == ["unknown_device"]


FORGED = [b"", b"nonsense", b"\xff\xfe\x00", b"x" * 64, urlsafe_b64encode(b"x" * 64), b"A" * 10_000]


async def test_a_forged_signature_is_a_dead_letter(world: World) -> None:
    await world.open()
    counter = await world.counter()
    for signature in FORGED:
        message = counter.submission(signature=signature)
        assert await beside_a_good_one(world, counter, message) == ["bad_signature"]
        assert await undecided(world, message)


async def test_a_missing_or_null_signature_and_a_changed_value_are_dead_letters(world: World) -> None:
    await world.open()
    counter = await world.counter()
    missing, null, changed, other = (counter.submission() for _ in range(4))
    missing.record.headers = (("ce_type", b"x"),)  # type: ignore[misc]
    null.record.headers = (("jb-signature", None),)  # type: ignore[misc]
    changed.record.value = changed.record.value + b" "  # type: ignore[misc]
    value = other.record.value
    forged = urlsafe_b64encode(Ed25519PrivateKey.generate().sign(value))
    other.record.headers = (("jb-signature", forged),)  # type: ignore[misc]
    for message in (missing, null, changed, other):
        assert await beside_a_good_one(world, counter, message) == ["bad_signature"]


async def test_an_unknown_campaign_is_a_dead_letter_until_it_is_opened(world: World) -> None:
    await world.open()
    counter = await world.counter()
    counter.campaign = "tomorrow-2029"
    message = counter.submission()
    counter.campaign = CAMPAIGN
    assert await beside_a_good_one(world, counter, message) == ["unknown_campaign"]


async def test_an_unknown_key_is_rejected(world: World) -> None:
    await world.open()
    counter = await world.counter()
    message = counter.submission(kid="key-of-nobody")
    assert await beside_a_good_one(world, counter, message) == []
    assert await world.decision(message) == ("rejected", "unknown_key")


async def test_a_box_for_another_key_or_submission_is_rejected(world: World) -> None:
    await world.open()
    counter = await world.counter()
    moved = counter.submission(info=b"another submission")
    assert await beside_a_good_one(world, counter, moved) == []
    assert await world.decision(moved) == ("rejected", "cannot_open")
    thief = Counter("mpp-1", counter.kid, X25519PrivateKey.generate().public_key(), key=counter.key)
    stolen = thief.submission()
    assert await beside_a_good_one(world, counter, stolen) == []
    assert await world.decision(stolen) == ("rejected", "cannot_open")
    rubbish = counter.submission(sealed="A" * 65)
    await world.handle(rubbish)
    assert await world.decision(rubbish) == ("rejected", "cannot_open")


NOBODY = {
    b"": "malformed_identity",
    b"\xff": "malformed_identity",
    b"{}": "malformed_identity",
    b'{"nik": "357399170507000", "birth_date": "2007-05-17"}': "malformed_nik",
    b'{"nik": "3573991705070000", "birth_date": "2007-05-17"}': "malformed_nik",
    b'{"nik": "3573991705070001", "birth_date": "2007-02-30"}': "malformed_identity",
}


async def test_what_names_nobody_is_rejected_and_no_person(world: World) -> None:
    await world.open()
    counter = await world.counter()
    for inside, reason in NOBODY.items():
        message = counter.submission(inside=inside)
        assert await world.handle(message) == []
        assert await world.decision(message) == ("rejected", reason)
        answer = await world.http.get(f"/v1/campaigns/{CAMPAIGN}/submissions/{message.event.submission_id}")
        assert "person_id" not in answer.json()
    assert await world.pool.fetchval("SELECT count(*) FROM enrollment.person") == 0
    await audit(world.pool)


async def test_the_same_submission_again_changes_nothing(world: World) -> None:
    await world.open()
    counter = await world.counter()
    message = counter.submission(replayed_at=at(2))
    assert await world.handle(message, message) == []
    assert await world.handle(message) == []
    assert len(await world.published()) - 1 == 2  # the campaign's; the person's and the decision's
    await audit(world.pool)


async def test_the_same_id_with_other_content_is_a_conflict_and_changes_nothing(world: World) -> None:
    await world.open()
    counter = await world.counter()
    first = counter.submission(nik(1))
    other = counter.submission(nik(2), submission_id=first.event.submission_id)
    assert await world.handle(first, other) == ["submission_conflict"]  # in one batch
    assert await world.handle(other) == ["submission_conflict"]  # and later
    assert await world.decision(first) == ("counted", None)
    assert await world.pool.fetchval("SELECT count(*) FROM enrollment.citizen") == 1
    await audit(world.pool)


async def test_an_id_in_upper_case_is_the_same_submission(world: World) -> None:
    await world.open()
    counter = await world.counter()
    lower, session_id = str(uuid4()), str(uuid4())
    upper = lower.upper()
    made = counter.submission(
        nik(1), submission_id=lower, session_id=session_id, info=sealing_info(CAMPAIGN, upper, counter.device_id)
    )
    shouted = in_upper_case(counter, made, lower, session_id)
    assert shouted.event == made.event, "all that is kept is in lower case"
    assert await world.handle(shouted) == []
    assert await world.decision(made) == ("counted", None)
    again = counter.submission(nik(1), submission_id=lower)
    assert await world.handle(shouted, again) == ["submission_conflict"]
    assert await world.person_id(made) == person_id_of(CAMPAIGN, lower)
    [decision] = await world.published("submission-decided")
    assert decision.submission_id == lower
    assert [event.session_id for event in await world.published("recording-")] == [session_id]
    other = counter.submission(nik(2), submission_id=str(uuid4()))
    bound_to_lower = in_upper_case(counter, other, other.event.submission_id)
    assert await world.handle(bound_to_lower) == []
    assert await world.decision(other) == ("rejected", "cannot_open")
    closing = counter.closing(session_id, 1)
    assert await world.handle(in_upper_case(counter, closing, session_id)) == []
    assert await world.pool.fetchval("SELECT session_id::text FROM enrollment.session_closed") == session_id
    await audit(world.pool)


def in_upper_case(counter: Counter, message: Received[Any], *ids: str) -> Received[Any]:
    """The same message from a device that prints these ids in upper case."""
    value = message.record.value
    for one in ids:
        assert one.encode() in value
        value = value.replace(one.encode(), one.upper().encode())
    headers = [("jb-signature", urlsafe_b64encode(counter.key.sign(value)))]
    return received(type(message.event).model_validate_json(value), value, headers)


async def test_a_rejected_id_cannot_be_used_for_another_content_either(world: World) -> None:
    await world.open()
    counter = await world.counter()
    first = counter.submission(inside=b"{}")
    other = counter.submission(nik(2), submission_id=first.event.submission_id)
    await world.handle(first)
    assert await world.handle(other) == ["submission_conflict"]
    assert await world.decision(first) == ("rejected", "malformed_identity")


async def test_a_replay_header_in_a_live_campaign_is_a_dead_letter(world: World) -> None:
    await world.open(clock="live")
    counter = await world.counter()
    message = counter.submission(replayed_at=at(1))
    assert (
        await world.handle(message, counter.closing(str(uuid4()), 1, replayed_at=at(1)))
        == ["replay_header_in_live_campaign"] * 2
    )
    assert await undecided(world, message)


MALFORMED = [b"", b"yesterday", b"2024-10-01T09:00:00", b"\xff", b"9999-12-31T23:59:59-12:00", b"2024-10-01", b"0"]


async def test_a_malformed_replay_header_is_a_dead_letter(world: World) -> None:
    await world.open()
    counter = await world.counter()
    messages = [counter.submission(nik(1 + number)) for number in range(len(MALFORMED))]
    for message, header in zip(messages, MALFORMED, strict=True):
        message.record.headers = (*message.record.headers, ("jb-replayed-at", header))  # type: ignore[misc]
    assert await world.handle(counter.submission(nik(99)), *messages) == ["malformed_replayed_at"] * len(MALFORMED)


async def test_a_year_that_cannot_be_is_a_dead_letter(world: World) -> None:
    await world.open()
    counter = await world.counter()
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00"):
        message = counter.submission(recorded_at=datetime.fromisoformat(moment))
        assert await beside_a_good_one(world, counter, message) == ["wrong_field"]


async def test_any_offset_of_rfc_3339_is_taken(world: World) -> None:
    """PostgreSQL itself reads no text with an offset of 16 hours or more."""
    await world.open()
    counter = await world.counter()
    far = FIRST.astimezone(timezone(timedelta(hours=23, minutes=59)))
    submission = counter.submission(recorded_at=far)
    closed = counter.closing(str(uuid4()), 1, closed_at=far)
    assert await world.handle(submission, closed) == []
    assert await world.decision(submission) == ("counted", None)
    assert await world.pool.fetchval("SELECT closed_at FROM enrollment.session_closed") == FIRST


async def test_with_the_wrong_master_key_nothing_is_decided_and_nobody_refused(world: World) -> None:
    await world.open()
    counter = await world.counter()
    vault = Vault(os.urandom(32))
    keys = SealingKeys(vault, world.pool)
    world.intake = subscriptions(vault, keys, CollectorRegistry())[0].handler
    message = counter.submission()
    with pytest.raises(WrongMasterKey) as stopped:
        await world.handle(message)
    assert stopped.value.exit_code == 78
    assert await undecided(world, message)
    with pytest.raises(WrongMasterKey):
        await keys.run()


async def test_a_nik_is_nowhere_but_sealed_with_its_citizen(
    world: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    await world.open()
    counter = await world.counter()
    born = "2003-02-01"
    messages = [
        counter.submission(CANARY, birth_date=born, recorded_at=at(day), place="Aula SMK", session_id=str(uuid4()))
        for day in (2, 1, 3)
    ]
    bad = counter.submission(inside=json.dumps({"nik": CANARY, "birth_date": "nonsense"}).encode())
    conflict = counter.submission(CANARY, birth_date=born, submission_id=messages[0].event.submission_id)
    assert await world.handle(*messages, bad, conflict) == ["submission_conflict"]
    await world.office("void", messages[0], known_at=at(5))
    await world.person(messages[0])

    assert await everywhere(world, CANARY) == []
    assert await everywhere(world, born) == []
    said = caplog.text + "".join(capsys.readouterr()) + (await world.http.get("/metrics")).text
    assert CANARY not in said and born not in said
    row = await world.pool.fetchrow("SELECT * FROM enrollment.citizen")
    vault = Vault(world.settings.master_key_bytes)
    place = f"citizen/{CAMPAIGN}/{row['nik_hmac'].hex()}"
    assert vault.open(row["nik_sealed"], f"{place}/nik") == CANARY.encode()
    assert vault.open(row["birth_date_sealed"], f"{place}/birth-date") == born.encode()


async def everywhere(world: World, text: str) -> list[str]:
    """The tables that hold a text, as text or as bytes."""
    found = []
    tables = await world.pool.fetch(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables "
        "WHERE table_schema IN ('enrollment', 'exactly_once', 'chassis')"
    )
    for (table,) in tables:
        for row in await world.pool.fetch(f"SELECT * FROM {table}"):
            for value in row.values():
                content = value if isinstance(value, bytes) else str(value).encode()
                if text.encode() in content or text.encode().hex().encode() in content:
                    found.append(table)
    return found


async def test_the_golden_examples_come_through(world: World) -> None:
    """Whatever they hold, they are decisions or dead letters, never an error."""
    await world.open()
    counter = await world.counter()
    goldens = [read(path) for path in sorted(EXAMPLES.glob("*.json"))]
    messages = [
        Received(golden.event, counter.record(golden.event).record)
        for golden in goldens
        if isinstance(golden.event, RecordingSubmitted | SessionClosed)
    ]
    assert {type(message.event) for message in messages} == {RecordingSubmitted, SessionClosed}
    assert await world.handle(*messages) == ["unknown_device"] * len(messages)
