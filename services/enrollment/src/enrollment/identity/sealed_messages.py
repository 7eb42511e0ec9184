"""What a counter sealed and signed: signatures checked, messages opened. CPU only, so that it can run in a thread."""

from base64 import b64decode
from binascii import Error
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def from_base64(text: bytes) -> bytes | None:
    """base64url or base64, with or without padding; None for anything else."""
    bare = text.strip().rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    try:
        return b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
    except Error:
        return None


def signed_by(public_key: bytes, signature_header: bytes | None, value: bytes) -> bool:
    """Whether the header holds the device's Ed25519 signature (64 bytes, raw or in base64) over exactly `value`."""
    if signature_header is None:
        return False
    signature = signature_header if len(signature_header) == 64 else from_base64(signature_header)
    if signature is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, value)
    except InvalidSignature:
        return False
    return True


def open_sealed(private_key: X25519PrivateKey, sealed: str, info: bytes) -> bytes | None:
    """The plaintext of a message sealed to us for this `info`; None when it does not open."""
    message = from_base64(sealed.encode())
    if message is None:
        return None
    try:
        return SUITE.decrypt(message, private_key, info)
    except (InvalidTag, ValueError):
        return None
