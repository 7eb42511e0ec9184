"""The golden examples are real records: by schema, by model, byte for byte, and by the keys they are made with."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from jsonschema import Draft202012Validator

from contracts import golden
from contracts.describe import schema
from contracts.envelope import Event, encode
from contracts.generate import HOME
from contracts.submissions import FromDevice, Identity, RecordingSubmitted, sealing_info
from contracts.topics import TOPIC_OF
from tests.contract.keys import private_key

FILES = sorted((HOME / "examples").glob("*.json"))
SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
named = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)

# `ce_id` is derived, and every reader's memory of it is in tables and logs: these may never change.
PINNED = {
    "jemputbola.campaign-opened.v1": "8ece4186-c9e0-5a88-9044-bdae0e082900",
    "jemputbola.campaign-opened.v1.minimal": "1f76b881-90ba-556a-8fc6-0408c1b6935c",
    "jemputbola.figure-stated.v1": "3c529f69-6640-5dca-b55d-53223df9fbe1",
    "jemputbola.figure-stated.v1.minimal": "473967c0-cbb9-55a3-bfdd-059b4062d45b",
    "jemputbola.person-merged.v1": "795ef062-e70b-5505-b988-9757f5e4863f",
    "jemputbola.person-merged.v1.minimal": "d922d24a-f20f-5bd2-9eed-3327b2e50349",
    "jemputbola.progress-made.v1": "b5e4f0f4-96cf-53dc-8d6c-f66fc0ca6d90",
    "jemputbola.recording-completed.v1": "15ab319d-df62-5367-a850-e0855d1eef09",
    "jemputbola.recording-completed.v1.minimal": "ec07a87d-2a00-53b5-a4d1-9808de58e05c",
    "jemputbola.recording-reattributed.v1": "2a9c274e-093c-5782-86f5-80acd2cf307b",
    "jemputbola.recording-reattributed.v1.minimal": "f99ce176-29b6-5ea1-a882-da5085550c23",
    "jemputbola.recording-submitted.v1": "131c7c97-3a7c-59d4-b93b-1d82f595e7f3",
    "jemputbola.recording-submitted.v1.minimal": "b74b05e8-2d8d-569f-94f8-374bd311999a",
    "jemputbola.recording-voided.v1": "d8acbc29-4dad-543f-9339-89834824cb05",
    "jemputbola.recording-voided.v1.minimal": "0b472cb5-91b9-5532-8485-ac04841ef6db",
    "jemputbola.school-listed.v1": "1dedf10b-0da8-5ffe-90b0-ddd2371dc3c2",
    "jemputbola.school-listed.v1.minimal": "255a8dcb-cd72-579d-88a2-9a642352195c",
    "jemputbola.session-closed.v1": "b8702bbd-b6cc-52bc-9f27-b830301a72d2",
    "jemputbola.submission-decided.v1": "ec3fdf9d-f435-585e-b405-c11013ae7226",
    "jemputbola.submission-decided.v1.minimal": "8c3bff67-2f69-5b8c-8d2c-bf18620cc067",
    "jemputbola.target-updated.v1": "2cdce129-c842-5272-a19f-294249a29894",
    "jemputbola.target-updated.v1.minimal": "45369c5e-865e-58c0-b4fa-8a34255ef3d0",
    "jemputbola.visit-cancelled.v1": "b3e23643-1ce0-545c-a375-b11565a4f545",
    "jemputbola.visit-cancelled.v1.minimal": "a1b4797e-f8b8-5000-922a-edb09b8ec5d6",
    "jemputbola.visit-completed.v1": "9248ac05-e7a1-5b08-9652-f75d4a538d27",
    "jemputbola.visit-completed.v1.minimal": "a34ac70a-85c5-5d7c-a909-6f5d496e08ab",
    "jemputbola.visit-rescheduled.v1": "c8fa6412-9e3d-5a1e-96f4-2cffe3f5b5df",
    "jemputbola.visit-rescheduled.v1.minimal": "fe401905-ce78-5da7-ad09-f5428c27215e",
    "jemputbola.visit-scheduled.v1": "ce4ceda1-9307-5c33-90d3-64398164babd",
    "jemputbola.visit-scheduled.v1.minimal": "456be76e-9ebe-5095-8405-63474ef78e4a",
}


def record(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def value_bytes(found: dict[str, Any]) -> bytes:
    return json.dumps(found["value"], separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize("model", TOPIC_OF, ids=lambda model: model.type)
def test_every_type_has_examples_with_and_without_what_is_optional(model: type[Event]) -> None:
    full = record(HOME / "examples" / f"{model.type}.json")["value"]
    may_be_absent = {name for name, field in model.model_fields.items() if field.default is None}
    if may_be_absent:
        minimal = record(HOME / "examples" / f"{model.type}.minimal.json")["value"]
        assert not may_be_absent & minimal.keys()
        assert may_be_absent & full.keys()


@named
def test_it_is_what_the_schema_says(path: Path) -> None:
    found = record(path)
    committed = json.loads((HOME / "schemas" / f"{found['headers']['ce_type']}.json").read_text())
    Draft202012Validator.check_schema(committed)
    Draft202012Validator(committed).validate(found["value"])


@named
def test_the_model_reads_it_and_writes_the_same_bytes(path: Path) -> None:
    found = record(path)
    model = golden.MODELS[found["headers"]["ce_type"]]
    value = value_bytes(found)

    event = model.model_validate_json(value)
    message = encode(event, found["headers"]["ce_source"].removeprefix("/jemputbola/"))

    assert TOPIC_OF[model].name == found["topic"]
    assert message.key.decode() == found["key"]
    assert message.value == value
    made = {name: content.decode() for name, content in message.headers}
    assert made == {name: content for name, content in found["headers"].items() if not name.startswith("jb-")}
    assert made["content_sha256"] == sha256(value).hexdigest()


@named
def test_what_is_optional_may_be_absent_and_what_is_unknown_is_ignored(path: Path) -> None:
    found = record(path)
    model = golden.MODELS[found["headers"]["ce_type"]]
    for name, field in model.model_fields.items():
        without = {key: value for key, value in found["value"].items() if key != name}
        if not field.is_required():
            model.model_validate(without)
            Draft202012Validator(schema(model)).validate(without)
        else:
            assert not Draft202012Validator(schema(model)).is_valid(without)
    assert model.model_validate({**found["value"], "added_later": 1}) == model.model_validate(found["value"])


@named
def test_its_id_is_the_one_it_always_had(path: Path) -> None:
    assert record(path)["headers"]["ce_id"] == PINNED[path.stem]


def test_every_pinned_id_belongs_to_an_example() -> None:
    assert PINNED.keys() == {path.stem for path in FILES}
    assert len(set(PINNED.values())) == len(PINNED)


@named
def test_a_device_signed_exactly_these_bytes(path: Path) -> None:
    found = record(path)
    if not issubclass(golden.MODELS[found["headers"]["ce_type"]], FromDevice):
        assert "jb-signature" not in found["headers"]
        return
    key = Ed25519PrivateKey.from_private_bytes(private_key(found["value"]["device_id"]))
    signature = urlsafe_b64encode(key.sign(value_bytes(found))).rstrip(b"=").decode()
    assert found["headers"]["jb-signature"] == signature


@pytest.mark.parametrize("special", ["", ".minimal"])
def test_the_box_opens_with_the_throw_away_key_for_its_own_submission_alone(special: str) -> None:
    value = record(HOME / "examples" / f"{RecordingSubmitted.type}{special}.json")["value"]
    box = urlsafe_b64decode(value["sealed"] + "=" * (-len(value["sealed"]) % 4))
    key = X25519PrivateKey.from_private_bytes(private_key("enrollment"))

    opened = SUITE.decrypt(box, key, sealing_info(value["campaign"], value["submission_id"], value["device_id"]))

    identity = Identity.model_validate_json(opened)
    assert identity.nik.startswith("357399")
    with pytest.raises(InvalidTag):
        SUITE.decrypt(box, key, sealing_info(value["campaign"], value["submission_id"], "another-device"))


def test_no_file_of_the_contracts_holds_a_nik() -> None:
    for path in HOME.rglob("*.json"):
        assert "35739901" not in path.read_text(), path
