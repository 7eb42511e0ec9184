"""Who this counter is: one Ed25519 key in a file that only its owner can read."""

import hmac
import json
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from counter.errors import NotSetUp
from counter.files import write_private


class DeviceKey:
    """Signs what the counter sends, and keys the digests by which the counter recognises what it stored."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> Self:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the key. Raises `NotSetUp` when it is missing, is no key, or others may read it."""
        try:
            if path.stat().st_mode & 0o077:
                raise NotSetUp(
                    f"{path} can be read by others, and who has it can sign as this counter: chmod 600 {path}"
                )
            private = load_pem_private_key(path.read_bytes(), password=None)
        except FileNotFoundError:
            raise NotSetUp(f"{path} is missing: without its key this counter can neither record nor send") from None
        except (OSError, ValueError, TypeError) as error:
            raise NotSetUp(f"{path} cannot be read as a device key ({type(error).__name__})") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise NotSetUp(f"{path} is not an Ed25519 key")
        return cls(private)

    def save(self, path: Path) -> None:
        write_private(path, self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    @cached_property
    def device_id(self) -> str:
        """Derived from the public key, so that a repeated registration is the same device."""
        return "counter-" + b32encode(sha256(self.public).digest()).decode().lower()[:16]

    @property
    def public_text(self) -> str:
        return unpadded(self.public)

    def sign(self, value: bytes) -> bytes:
        """64 bytes of Ed25519 over exactly these bytes."""
        return self._private.sign(value)

    def row_digest(self, words: Sequence[str]) -> bytes:
        """32 bytes that tell one recording from another; meaningless without the private key."""
        return _digest(self._row_key, words)

    def content_digest(self, words: Sequence[str]) -> bytes:
        """32 bytes that tell whether all columns are the same; as meaningless."""
        return _digest(self._content_key, words)

    @cached_property
    def _row_key(self) -> bytes:
        return self._derive(b"jemputbola counter: ids of imported rows, v1")

    @cached_property
    def _content_key(self) -> bytes:
        return self._derive(b"jemputbola counter: content of stored rows, v1")

    def _derive(self, purpose: bytes) -> bytes:
        return HKDF(SHA256(), length=32, salt=None, info=purpose).derive(self._private.private_bytes_raw())


def unpadded(raw: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _digest(key: bytes, words: Sequence[str]) -> bytes:
    return hmac.digest(key, json.dumps(list(words)).encode(), "sha256")
