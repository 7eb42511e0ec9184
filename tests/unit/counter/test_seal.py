"""Only enrollment opens a box, only in the submission it was made for; the signature is over the very bytes."""

from base64 import urlsafe_b64decode

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.envelope import SIGNATURE_HEADER, header
from contracts.submissions import Identity, RecordingSubmitted, sealing_info
from counter import Counter
from counter.seal import Recipient, seal
from counter.submission import outgoing
from tests.unit.counter.support import SUITE, Office, nik, recording, values

WHO = Identity(nik=nik(1), birth_date="2007-01-31", married=True)


def unpad(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_box_opens_with_enrollments_key_and_the_submissions_info() -> None:
    key = X25519PrivateKey.generate()
    sealed = seal(WHO, Recipient("k1", key.public_key()), campaign="c", submission_id="s", device_id="d")
    assert Identity.model_validate_json(SUITE.decrypt(unpad(sealed), key, b"csd")) == WHO
    assert sealing_info("c", "s", "d") == b"csd"


@pytest.mark.parametrize("moved", [b"Xsd", b"cXd", b"csX", None])
def test_a_box_does_not_open_in_another_submission(moved: bytes | None) -> None:
    key = X25519PrivateKey.generate()
    sealed = seal(WHO, Recipient("k1", key.public_key()), campaign="c", submission_id="s", device_id="d")
    with pytest.raises(InvalidTag):
        SUITE.decrypt(unpad(sealed), key, moved)


def test_two_boxes_of_one_person_look_different() -> None:
    to = Recipient("k1", X25519PrivateKey.generate().public_key())
    boxes = {seal(WHO, to, campaign="c", submission_id="s", device_id="d") for _ in range(3)}
    assert len(boxes) == 3


def test_what_is_stored_is_what_enrollment_reads(counter: Counter, office: Office) -> None:
    kept = counter.record(recording(7, married=True, domicile_regency="35.79", family_card=True))
    (value,) = values(counter)
    event = RecordingSubmitted.model_validate_json(value)
    assert office.open(value) == Identity(nik=nik(7), birth_date="2007-01-31", married=True)
    assert (event.submission_id, event.device_seq, event.device_id) == (kept.submission_id, 1, counter.device_id)
    assert (event.kind, event.place, event.group) == ("mpp", "MPP Merdeka", "npsn:20533456")
    assert (event.domicile_regency, event.documents.family_card) == ("35.79", True)
    assert nik(7).encode() not in value


def test_the_signature_is_the_devices_over_the_exact_value(counter: Counter, office: Office) -> None:
    counter.record(recording())
    (message,) = counter.queue.unsent(0, 10)
    record = outgoing(message, counter.device_id)
    text = header(record.headers, SIGNATURE_HEADER)
    assert text is not None and b"=" not in text
    public = Ed25519PublicKey.from_public_bytes(unpad(office.devices[counter.device_id]["public_key"]))
    public.verify(unpad(text.decode()), record.value)
    with pytest.raises(InvalidSignature):
        public.verify(unpad(text.decode()), record.value + b" ")


def test_the_newest_usable_key_is_taken() -> None:
    office = Office()
    office.new_key()
    newest = office.new_key()
    keys = [{"kid": "rsa", "kty": "RSA", "n": "..."}, *office.keyset()["keys"]]
    assert Recipient.newest({"keys": keys}).kid == newest


@pytest.mark.parametrize(
    "keyset",
    [{}, {"keys": None}, {"keys": []}, {"keys": [{"kty": "OKP", "crv": "X25519", "kid": "k", "x": "AAAA"}]}],
)
def test_a_key_set_without_a_usable_key_is_an_error(keyset: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Recipient.newest(keyset)
