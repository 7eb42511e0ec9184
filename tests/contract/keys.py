"""The throw-away keys of the golden examples, as packages/contracts/README.md describes them."""

from hashlib import sha256


def private_key(who: str) -> bytes:
    """32 bytes: of `enrollment` for X25519, of a device id for Ed25519."""
    return sha256(f"jemputbola golden examples: {who}".encode()).digest()
