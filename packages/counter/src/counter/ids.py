"""Ids in the layout of UUIDv7: 48 bits of milliseconds, then 74 bits that are random, or derived for a file's rows."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from counter.device import DeviceKey
from counter.recording import Recording


def fresh(at: datetime) -> str:
    """A new random id whose milliseconds are those of `at`."""
    return _layout(at, secrets.token_bytes(10))


def derived(recording: Recording, campaign: str, device: DeviceKey) -> str:
    """The id of a file's row: the same whenever this counter reads the same recording, so that nothing is stored twice.

    HMAC-SHA256 over campaign, NIK, birth date, group and recorded_at, with a key that only the holder of the device's
    private key can derive: without it an id says nothing, not even whether a guessed NIK is the right one.

    The trade-off: these four columns *are* the recording. A row that is mended in one of them gets another id and is
    stored as another recording (enrollment then shows it as this person's duplicate); a row mended in any other column
    keeps its id, and since what is stored cannot change it is refused, told so. The same file at another counter gives
    other ids: enrollment finds the duplicates by the NIK. Files that know their own ids say so in `submission_id`.
    """
    return _layout(recording.recorded_at, device.row_digest([campaign, *recording.identity_in_time()]))


def _layout(at: datetime, noise: Sequence[int]) -> str:
    milliseconds = int(at.timestamp() * 1000)
    number = int.from_bytes(bytes(noise[:10]), "big")
    high = (milliseconds << 16) | (0x7 << 12) | (number & 0xFFF)
    low = (0b10 << 62) | ((number >> 12) & (2**62 - 1))
    return str(UUID(int=(high << 64) | low))
