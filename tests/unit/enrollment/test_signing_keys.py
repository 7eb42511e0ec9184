"""Keys under which a signature says something, and 32 bytes that are none."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from enrollment.identity.signing_keys import P, is_signing_key

SIGN = 1 << 255


def written(y: int) -> bytes:
    return y.to_bytes(32, "little")


# Points of small order with both signs of x, and the other ways to write them: y + p, which RFC 8032 does not decode.
SMALL = {
    "order 4": bytes(32),
    "order 4, the other": written(SIGN),
    "identity": written(1),
    "identity with a sign": written(1 | SIGN),
    "order 2": written(P - 1),
    "order 2 with a sign": written(P - 1 | SIGN),
    "order 8": bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    "order 8, the second": bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    "order 8, the third": bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    "order 8, the fourth": bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
    "order 4, as p": written(P),
    "identity, as p + 1": written(P + 1),
    "identity, as p + 1 with a sign": written(P + 1 | SIGN),
}
NONE = {
    "all ones": b"\xff" * 32,
    "no point: y = 2": written(2),
    "not reduced: p + 3": written(P + 3),
    "too short": bytes(31),
    "too long": bytes(33),
}


@pytest.mark.parametrize("name", [*SMALL, *NONE])
def test_what_is_no_key(name: str) -> None:
    assert not is_signing_key((SMALL | NONE)[name])


def test_whatever_a_device_generates_is_a_key() -> None:
    for _ in range(200):
        assert is_signing_key(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
