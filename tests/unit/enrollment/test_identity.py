"""Whom a sealed box names, how old they are, and what is refused."""

from __future__ import annotations

import json
import os
from base64 import b64encode, urlsafe_b64encode
from datetime import date, timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from enrollment.identity.rules import Holder, age_on, birth_date_agrees, read
from enrollment.identity.sealed_messages import SUITE, from_base64, open_sealed, signed_by
from enrollment.identity.vault import Vault

NIK = "3573991705070001"  # a man of 17 May 2007


def inside(**changes: Any) -> bytes:
    return json.dumps({"nik": NIK, "birth_date": "2007-05-17", "married": False, **changes}).encode()


def test_a_box_names_a_person() -> None:
    assert read(inside()) == Holder(NIK, date(2007, 5, 17), False)
    assert read(inside(married=True)) == Holder(NIK, date(2007, 5, 17), True)


@pytest.mark.parametrize("nik", ["357399170507000", "35739917050700011", "357399170507000x", "", "３573991705070001"])
def test_a_nik_has_sixteen_digits(nik: str) -> None:
    assert read(inside(nik=nik)) == "malformed_nik"


def test_serial_0000_is_nobodys() -> None:
    assert read(inside(nik="3573991705070000")) == "malformed_nik"
    assert isinstance(read(inside(nik="3573991705079999")), Holder)


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"3573991705070001"',
        b"{",
        inside(birth_date="2007-02-30"),
        inside(birth_date="17-05-2007"),
        inside(birth_date=None),
        inside(nik=3573991705070001),
        inside(nik=None),
        inside(married="perhaps"),
        inside(name="somebody"),
        b'{"birth_date": "2007-05-17"}',
    ],
)
def test_anything_else_is_a_malformed_identity(plaintext: bytes) -> None:
    assert read(plaintext) == "malformed_identity"


def test_a_person_shows_nothing_when_printed() -> None:
    assert NIK not in repr(read(inside())) and "2007" not in repr(read(inside()))


@pytest.mark.parametrize(
    ("nik", "birth_date", "agrees"),
    [
        ("3573991705070001", "2007-05-17", True),  # a man
        ("3573995705070001", "2007-05-17", True),  # a woman: 17 + 40
        ("3573997112060001", "2006-12-31", True),  # a woman of the 31st
        ("3573994101070001", "2007-01-01", True),  # a woman of the 1st
        ("3573990101070001", "2007-01-01", True),
        ("3573990101000001", "2000-01-01", True),  # two digits of the year
        ("3573990101000001", "1900-01-01", True),
        ("3573991705070001", "2007-05-18", False),
        ("3573991705070001", "2007-06-17", False),
        ("3573991705070001", "2008-05-17", False),
        ("3573994005070001", "2007-05-17", False),  # day 40 is nobody's
        ("3573999705070001", "2007-05-17", False),  # day 97: not 40 twice
        ("3573999999990001", "2007-05-17", False),
    ],
)
def test_the_birth_date_in_the_nik_is_compared_and_never_refused(nik: str, birth_date: str, agrees: bool) -> None:
    assert isinstance(read(inside(nik=nik, birth_date=birth_date)), Holder)
    assert birth_date_agrees(nik, date.fromisoformat(birth_date)) is agrees


def test_another_prefix_than_the_citys_is_normal() -> None:
    assert isinstance(read(inside(nik="9171011705070001")), Holder)


# -- ages

VOTING_DAY = date(2024, 11, 27)


def test_who_turns_17_on_voting_day_itself_is_17() -> None:
    assert age_on(date(2007, 11, 27), VOTING_DAY) == 17
    assert age_on(date(2007, 11, 28), VOTING_DAY) == 16


def test_who_was_born_on_29_february_has_the_birthday_on_1_march_of_a_common_year() -> None:
    assert age_on(date(2008, 2, 29), date(2025, 2, 28)) == 16
    assert age_on(date(2008, 2, 29), date(2025, 3, 1)) == 17
    assert age_on(date(2008, 2, 29), date(2024, 2, 28)) == 15
    assert age_on(date(2008, 2, 29), date(2024, 2, 29)) == 16


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 40000))
def test_an_age_grows_by_one_on_birthdays_alone(birth_date: date, days: int) -> None:
    today, tomorrow = birth_date + timedelta(days=days), birth_date + timedelta(days=days + 1)
    aged = age_on(birth_date, tomorrow) - age_on(birth_date, today)
    leap = (birth_date.month, birth_date.day) == (2, 29)
    birthdays = [(2, 29), (3, 1)] if leap else [(birth_date.month, birth_date.day)]
    assert aged in (0, 1)
    assert aged == 0 or (tomorrow.month, tomorrow.day) in birthdays
    assert age_on(birth_date, birth_date) == 0


# -- the master key


def test_a_nik_is_looked_up_by_campaign_and_master_key() -> None:
    one, other = Vault(bytes(32)), Vault(b"\x01" * 32)
    assert one.lookup("malang-2024", NIK) == Vault(bytes(32)).lookup("malang-2024", NIK)
    assert len({one.lookup("malang-2024", NIK), one.lookup("batu-2024", NIK), other.lookup("malang-2024", NIK)}) == 3


def test_what_is_sealed_opens_only_where_it_belongs() -> None:
    vault = Vault(os.urandom(32))
    sealed = vault.seal(NIK.encode(), "citizen/1/nik")
    assert NIK.encode() not in sealed
    assert vault.open(sealed, "citizen/1/nik") == NIK.encode()
    assert vault.seal(NIK.encode(), "citizen/1/nik") != sealed
    for wrong in (lambda: vault.open(sealed, "citizen/2/nik"), lambda: Vault(bytes(32)).open(sealed, "citizen/1/nik")):
        with pytest.raises(InvalidTag):
            wrong()


def test_a_master_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(b"short")


# -- boxes and signatures


def test_a_box_opens_with_its_key_and_for_its_submission() -> None:
    private = X25519PrivateKey.generate()
    sealed = urlsafe_b64encode(SUITE.encrypt(inside(), private.public_key(), b"info")).rstrip(b"=").decode()
    assert open_sealed(private, sealed, b"info") == inside()
    assert open_sealed(private, sealed, b"another submission") is None
    assert open_sealed(X25519PrivateKey.generate(), sealed, b"info") is None
    assert open_sealed(private, sealed[:-4], b"info") is None
    assert open_sealed(private, "A" * 65, b"info") is None  # no base64 at all
    assert open_sealed(private, "A" * 64, b"info") is None


def test_a_signature_may_be_raw_or_base64_of_either_kind() -> None:
    key, value = Ed25519PrivateKey.generate(), b'{"campaign":"malang-2024"}'
    public, signature = key.public_key().public_bytes_raw(), key.sign(value)
    forms = [signature, b64encode(signature), urlsafe_b64encode(signature), urlsafe_b64encode(signature).rstrip(b"=")]
    assert all(signed_by(public, form, value) for form in forms)
    assert not any(signed_by(public, form, value + b" ") for form in forms)
    other = Ed25519PrivateKey.generate().sign(value)
    assert not any(signed_by(public, form, value) for form in (None, b"", b"\xff\xfe", b"x" * 64, b"A" * 86, other))


@given(st.binary(max_size=100))
def test_base64_of_every_kind_is_read_and_other_text_is_not(data: bytes) -> None:
    for text in (b64encode(data), urlsafe_b64encode(data), urlsafe_b64encode(data).rstrip(b"=")):
        assert from_base64(text) == data
    assert from_base64(b"!" + data) is None
