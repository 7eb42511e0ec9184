"""Sealing: who was recorded leaves the operator's screen as a sealed message (HPKE) that enrollment alone can open."""

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from contracts.submissions import Identity, sealing_info
from counter.device import unpadded

SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True)
class Recipient:
    """The key of enrollment that submissions are sealed to now."""

    kid: str
    public: X25519PublicKey

    @classmethod
    def newest(cls, keyset: Mapping[str, Any]) -> Self:
        """The first key that can be used, of `{"keys": [...]}` with the newest first. Raises ValueError."""
        keys = keyset.get("keys")
        for key in keys if isinstance(keys, list) else []:
            if isinstance(key, dict) and (key.get("kty"), key.get("crv")) == ("OKP", "X25519"):
                kid, x = str(key["kid"]), str(key["x"])
                return cls(kid, X25519PublicKey.from_public_bytes(urlsafe_b64decode(x + "=" * (-len(x) % 4))))
        raise ValueError("no X25519 key in enrollment's key set")


def seal(identity: Identity, to: Recipient, *, campaign: str, submission_id: str, device_id: str) -> str:
    """HPKE's enc and ciphertext of the identity, base64url without padding, bound to this very submission."""
    info = sealing_info(campaign, submission_id, device_id)
    return unpadded(SUITE.encrypt(identity.model_dump_json().encode(), to.public, info))
