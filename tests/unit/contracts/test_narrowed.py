"""Rules that came after the first records: at every door, never for what a table kept."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from contracts import golden
from contracts.envelope import Event, Fact
from contracts.schools import CampaignOpened, SchoolKind
from contracts.signs import holds_a_nik, odd_sign
from contracts.types import Group, Label, Npsn, Scope, Text
from tests.unit.contracts.test_no_nik import EXAMPLES

DAYS = ("0001-01-01", "1969-12-31", "2200-01-02", "9999-12-31")
INSTANTS = ("0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z", "2200-01-01T00:00:01Z", "9999-12-31T23:59:59-12:00")
FACTS = [example for example in EXAMPLES if isinstance(example.event, Fact)]
DRESSED = (
    "3573 9901 0107 0001", "35.73.99.010107.0001", "3573-9901-0107-0001", "357399 410107 0001", "357399/010107/0001",
    "３５７３９９０１０１０７０００１", "３５７３ ９９０１ ０１０７ ０００１", "٣٥٧٣٩٩٠١٠١٠٧٠٠٠١",
    "3573\u200b9901\u00a00107\u20110001",
    "3 5 7 3 9 9 0 1 0 1 0 7 0 0 0 1", "3573  9901  0107  0001", "NIK: 3573 9901 0107 0001.", "1. 3573 9901 0107 0001",
)  # fmt: skip
HARMLESS = (
    "2024-09-19 2024-10-15", "Radar Malang, 19-09-2024: 5.554, 4.586, 968", "0341 551515 / 0812-3456-7890", "2024/2025",
    "npsn 20599901 20599902", "SMAN 1, 2, 3, 4, 5, 6, 7, 8, 9, 10", "Jl. Ijen 12-14, RT 03/RW 07",
)  # fmt: skip


def accepts(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_json(json.dumps(value))
    except ValidationError:
        return False
    return True


def refusal(model: type[Event], value: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        model.model_validate_json(json.dumps(value))
    return str(refused.value)


def changed(example: golden.Golden, **values: Any) -> dict[str, Any]:
    return {**deepcopy(example.as_file["value"]), **values}


def moments(example: golden.Golden) -> dict[str, tuple[str, ...]]:
    """The fields that are days and instants, with what none of them can be."""
    said = json.loads(example.event.model_dump_json())
    return {
        name: DAYS if len(text) == len("2024-11-08") else INSTANTS
        for name, text in said.items()
        if isinstance(text, str) and text[4:5] == "-" and text[7:8] == "-" and text[:4].isdigit()
    }


@pytest.mark.parametrize("example", FACTS, ids=lambda example: example.name)
def test_no_day_and_no_instant_of_a_fact_lies_beyond_what_a_campaign_can_have(example: golden.Golden) -> None:
    fields = moments(example)
    assert "known_at" in fields
    for name, beyond in fields.items():
        for text in beyond:
            assert "between 1970-01-0" in refusal(type(example.event), changed(example, **{name: text}))


@pytest.mark.parametrize("example", FACTS, ids=lambda example: example.name)
def test_what_was_kept_before_stays_readable(example: golden.Golden) -> None:
    for name, beyond in moments(example).items():
        for text in beyond:
            type(example.event).stored(json.dumps(changed(example, **{name: text})))
    for kept in ({"place": "Aula\nSMAN"}, {"stated_by": DRESSED[0]}, {"zone": "Etc/GMT+7"}, {"zone": "UTC"}):
        if kept.keys() <= example.as_file["value"].keys():
            type(example.event).stored(json.dumps(changed(example, **kept)))
            refusal(type(example.event), changed(example, **kept))


def test_the_clock_of_a_device_may_show_anything() -> None:
    """It is judged once its sender is certain, so that one device's fault stays one device's."""
    for example in EXAMPLES:
        for name in {"recorded_at", "closed_at"} & example.as_file["value"].keys():
            if not isinstance(example.event, Fact):
                for text in INSTANTS:
                    type(example.event).model_validate_json(json.dumps(changed(example, **{name: text})))


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x1b", "\x7f", "\r"])
def test_a_name_is_one_line_without_control_signs(sign: str) -> None:
    for text in (f"Aula{sign}SMAN Contoh 1", f"{sign}Aula", f"Aula{sign}"):
        assert not accepts(Label, text)
    assert not accepts(Label, "Aula\nSMAN") and not accepts(Label, "Aula\tSMAN")
    assert accepts(Text, "Siaran pers\n\thalaman 2") and (accepts(Text, f"a{sign}b") is (sign == "\r"))
    assert accepts(Label, "SMAS Mu‘allimāt “Contoh” · Jl. Ijen 1")


def test_the_sign_is_named_with_its_place() -> None:
    with pytest.raises(ValidationError, match=r"holds a line separator \(U\+2028\) at place 5"):
        TypeAdapter(Label).validate_python("Aula\u2028SMAN")


@pytest.mark.parametrize("text", DRESSED)
def test_a_nik_in_no_dress_is_taken(text: str) -> None:
    assert holds_a_nik(text)
    for kind in (Label, Text):
        assert not accepts(kind, text)
        assert not accepts(kind, f"Pak Budi {text} tidak hadir")


@pytest.mark.parametrize("text", HARMLESS)
def test_other_numbers_are_no_nik(text: str) -> None:
    assert not holds_a_nik(text)
    assert accepts(Label, text)


def test_a_slug_and_a_group_hide_none_either() -> None:
    assert not accepts(Group, "outside:3573-9901-0107-0001")
    for example in EXAMPLES:
        for name in {"device_id", "kid"} & example.as_file["value"].keys():
            refusal(type(example.event), changed(example, **{name: "3573.9901.0107.0001"}))


def test_a_school_number_is_eight_digits_or_p_and_seven() -> None:
    for number in ("20599901", "P9999001"):
        assert accepts(Npsn, number) and accepts(Group, f"npsn:{number}") and accepts(Scope, f"npsn:{number}")
    for number in ("2059990", "205999011", "P999900", "P99990011", "p9999001", "PP999001", "9999001P", "PPPPPPPP"):
        assert not accepts(Npsn, number) and not accepts(Group, f"npsn:{number}")
        assert not accepts(Scope, f"npsn:{number}")


def test_a_kind_of_school_is_what_the_office_writes() -> None:
    for kind in ("SMA", "SPK SMA", "PKBM", "Paket C", "SMA Terbuka", "MA/Aliyah", "SMK 4"):
        assert accepts(SchoolKind, kind)
    for kind in ("", "S", " SMA", "SMA\u2028", "3573990101070001", "A3 5 7 3 9 9 0 1 0 1 0 7 0 0 0 1", "x" * 65):
        assert not accepts(SchoolKind, kind)


@pytest.mark.parametrize("zone", ["Etc/GMT+7", "Etc/UTC", "UTC", "GMT", "EST", "GMT-0", "Zulu"])
def test_a_zone_is_that_of_a_place(zone: str) -> None:
    (example,) = (each for each in EXAMPLES if isinstance(each.event, CampaignOpened))
    assert "must be the time zone of a place" in refusal(CampaignOpened, changed(example, zone=zone))
    for place in ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "America/Argentina/Ushuaia"):
        CampaignOpened.model_validate(changed(example, zone=place))


def test_odd_signs_are_named_and_digits_are_not_repeated() -> None:
    assert odd_sign("3573990101070061\u200b") == "a zero width space (U+200B) at place 17"
    assert odd_sign("2007\u201101-01") == "a non-breaking hyphen (U+2011) at place 5"
    assert odd_sign("３573") == "a digit that is none of 0-9 at place 1"
    assert odd_sign("\ufeffnik") == "a byte order mark (U+FEFF) at place 1"
    assert odd_sign("Mu‘allimāt") is None
