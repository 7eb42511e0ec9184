"""What comes in from Kafka is read by the rules of every door, and why it is refused is said without what it held."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from contracts import golden
from contracts.generate import HOME
from contracts.topics import TOPIC_OF
from exactly_once.records import Undecodable, decoder

SUBMITTED = golden.read(HOME / "examples/jemputbola.recording-submitted.v1.json")
TARGET = golden.read(HOME / "examples/jemputbola.target-updated.v1.json")
VALUE = json.dumps(SUBMITTED.as_file["value"]).encode()


def refused(value: bytes, example: golden.Golden = SUBMITTED) -> tuple[str, str]:
    """The reason and the detail of the dead letter."""
    event = example.event
    record: Any = ConsumerRecord("t", 0, 0, 0, 1, b"k", value, None, 1, len(value), (("ce_type", event.type.encode()),))
    with pytest.raises(Undecodable) as fault:
        decoder(TOPIC_OF[type(event)])(record)
    return fault.value.reason, fault.value.detail


def test_a_byte_order_mark_is_named() -> None:
    reason, detail = refused(b"\xef\xbb\xbf" + VALUE)
    assert (reason, "byte order mark" in detail) == ("malformed", True)


@pytest.mark.parametrize("name", [b"place", b"pl\\u0061ce"])
def test_a_member_that_is_there_twice_is_refused_with_its_place(name: bytes) -> None:
    reason, detail = refused(VALUE[:-1] + b', "' + name + b'": "3573990101070001"}')
    assert (reason, detail.partition(":")[0]) == ("malformed", "a member is there twice in one object")
    assert "357399" not in detail and "column" in detail


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("place", "Aula\u2028SMAN", "place: holds a line separator (U+2028) at place 5"),
        ("place", "3573 9901 0107 0001", "place: holds what can be a NIK"),
        ("group", "npsn:20599901\u200b", "it holds a zero width space (U+200B) at place 14"),
    ],
)
def test_a_sign_that_nobody_sees_is_named(field: str, value: str, said: str) -> None:
    reason, detail = refused(json.dumps({**SUBMITTED.as_file["value"], field: value}).encode())
    assert reason == "wrong_field" and said in detail
    assert "3573" not in detail


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_fact_beyond_what_a_campaign_can_have_is_refused_with_the_bounds(day: str) -> None:
    value = json.dumps({**TARGET.as_file["value"], "effective_from": day}).encode()
    reason, detail = refused(value, TARGET)
    assert reason == "wrong_field" and "effective_from: must be a day between 1970-01-01 and 2200-01-01" in detail
