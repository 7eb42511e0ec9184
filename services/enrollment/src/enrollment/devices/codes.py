"""Enrolment codes: an administrator makes one, and a device registers itself with it, once, within half an hour."""

import secrets
from datetime import datetime
from hashlib import sha256
from typing import Final

from chassis.refusal import Refused
from exactly_once import Connection

MINUTES: Final = 30
LENGTH: Final = 12
ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that is read as another one

_MAKE: Final = """
INSERT INTO enrollment.enrolment_code (code_sha256, campaign, ends_at)
VALUES ($1, $2, clock_timestamp() + make_interval(mins => $3)) RETURNING ends_at
"""
_READ: Final = """
SELECT campaign, device_id, ends_at < clock_timestamp() AS is_over
  FROM enrollment.enrolment_code WHERE code_sha256 = $1 FOR UPDATE
"""
_USE: Final = "UPDATE enrollment.enrolment_code SET device_id = $2 WHERE code_sha256 = $1"


async def make(tx: Connection, campaign: str) -> tuple[str, datetime]:
    """A new code for a device of this campaign, and until when it can be used."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    ends_at: datetime = await tx.fetchval(_MAKE, _hash(code), campaign, MINUTES)
    return "-".join(code[at : at + 4] for at in range(0, LENGTH, 4)), ends_at


async def use(tx: Connection, code: str, campaign: str, device_id: str) -> None:
    """Spends a code on a device; again for the same device, as after a lost answer, is fine. Raises Refused."""
    row = await tx.fetchrow(_READ, _hash(code))
    if row is None:
        raise _refused("code_unknown", "there is no such code: ask an administrator for one")
    if row["device_id"] == device_id and row["campaign"] == campaign:
        return
    if row["device_id"] is not None:
        raise _refused("code_used", "was used by another device: ask for a new one")
    if row["is_over"]:
        raise _refused("code_expired", f"was for {MINUTES} minutes: ask for a new one")
    if row["campaign"] != campaign:
        raise _refused("code_foreign", "is for another campaign: ask for one for this")
    await tx.execute(_USE, _hash(code), device_id)


def _refused(reason: str, detail: str) -> Refused:
    return Refused("", ("#/code", detail), reason=reason)


def _hash(code: str) -> bytes:
    return sha256("".join(code.upper().split()).replace("-", "").encode()).digest()
