"""All that the master key does: NIK are looked up by HMAC, and sealed; so are birth dates and private keys."""

import os
from hashlib import sha256
from hmac import digest
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE: Final = 12  # bytes, as AES-GCM wants it


class Vault:
    """One master key of 32 bytes; a key of its own is derived for every purpose."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != 32:
            raise ValueError("the master key must have 32 bytes")
        self._lookup_key = _derive(master_key, b"nik-lookup")
        self._sealing = AESGCM(_derive(master_key, b"sealing"))

    def lookup(self, campaign: str, nik: str) -> bytes:
        """What a citizen is found by. The campaign is in it, so that campaigns cannot be linked by their tables."""
        return digest(self._lookup_key, f"{campaign}/{nik}".encode(), sha256)

    def seal(self, plaintext: bytes, bound_to: str) -> bytes:
        """Nonce and ciphertext. It opens only for the same `bound_to`: a row's content cannot be moved to another."""
        nonce = os.urandom(NONCE)
        return nonce + self._sealing.encrypt(nonce, plaintext, bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        """The plaintext. Raises `cryptography.exceptions.InvalidTag` for another master key, content or `bound_to`."""
        return self._sealing.decrypt(sealed[:NONCE], sealed[NONCE:], bound_to.encode())


def _derive(master_key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"jemputbola/enrollment/" + purpose).derive(master_key)
