"""One message of a counter: is it from a device of ours, whom does it name, can it count? CPU only, run in a thread.

Until the signature is checked the sender is nobody, and what is wrong is a dead letter. From then on every submission
is decided, whatever is in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.days import is_plausible
from contracts.envelope import REPLAYED_AT_HEADER, SIGNATURE_HEADER, header
from contracts.schools import CampaignOpened
from contracts.submissions import RecordingSubmitted, SessionClosed, id_as_written, sealing_info
from enrollment.devices.store import Device
from enrollment.identity import rules as identity
from enrollment.identity.sealed_messages import open_sealed, signed_by
from enrollment.identity.signing_keys import is_signing_key
from enrollment.identity.store import Citizen
from enrollment.identity.vault import Vault
from enrollment.persons.rules import UnidentifiedReason, held_because, person_id_of
from enrollment.submissions.facts import Facts
from exactly_once import Received

EPOCH: Final = datetime.fromtimestamp(0, UTC)
Message = RecordingSubmitted | SessionClosed
UnauthenticatedReason = Literal[
    "unknown_device", "bad_signature", "unknown_campaign", "replay_header_in_live_campaign", "malformed_replayed_at",
    "wrong_field", "weak_key",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unauthenticated:
    """Why a message cannot be taken now; it can be replayed once the cause is gone."""

    reason: UnauthenticatedReason
    detail: str

    @property
    def of_sender(self) -> bool:
        """Whether nobody vouches for it, or its device alone has it wrong: a key, a campaign, a clock."""
        return self.reason not in ("replay_header_in_live_campaign", "malformed_replayed_at")


@dataclass(frozen=True, slots=True)
class Closed:
    """A session that a device closed."""

    event: SessionClosed
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Assessed:
    """A submission with what it is worth; `citizen` is None when it names nobody.

    `replayed_at` stands in for the clock in a replayed campaign.
    """

    facts: Facts
    citizen: Citizen | None
    replayed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Authenticator:
    """What is needed to assess a batch: devices, campaigns and private keys as the database has them."""

    vault: Vault
    devices: Mapping[str, Device]
    campaigns: Mapping[str, CampaignOpened]
    private_keys: Mapping[str, X25519PrivateKey]

    def assess(self, received: Received[Message]) -> Unauthenticated | Closed | Assessed:
        event, record = received.event, received.record
        device = self.devices.get(event.device_id)
        if device is None:
            return Unauthenticated("unknown_device", "register the device, then replay")
        if not is_signing_key(device.public_key):
            return Unauthenticated("weak_key", "anybody could sign for this device: register it anew, with another key")
        value = record.value or b""
        if not signed_by(device.public_key, header(record.headers, SIGNATURE_HEADER), value):
            return Unauthenticated(
                "bad_signature", "the header jb-signature is not the device's signature of this value"
            )
        campaign = self.campaigns.get(event.campaign)
        if campaign is None:
            return Unauthenticated("unknown_campaign", "open the campaign, then replay")
        if event.campaign not in device.campaigns:
            return Unauthenticated("unknown_device", "register the device for this campaign, then replay")
        replayed_at = _replayed_at(header(record.headers, REPLAYED_AT_HEADER), campaign)
        if isinstance(replayed_at, Unauthenticated):
            return replayed_at
        received_at = replayed_at or EPOCH + timedelta(milliseconds=record.timestamp)
        if not is_plausible(event.time):
            return Unauthenticated("wrong_field", "the counter's clock shows a year that cannot be")
        if isinstance(event, SessionClosed):
            return Closed(event, received_at)
        return self._submission(event, value, campaign, received_at, replayed_at)

    def _submission(
        self,
        event: RecordingSubmitted,
        value: bytes,
        campaign: CampaignOpened,
        received_at: datetime,
        replayed_at: datetime | None,
    ) -> Assessed:
        recorded_on = campaign.day_of(event.recorded_at)
        content_sha256 = sha256(value).digest()
        holder = self._whom(event, value)
        if isinstance(holder, str):
            return Assessed(Facts(event, content_sha256, recorded_on, received_at, refused=holder), None, replayed_at)
        held = held_because(
            recorded_at=event.recorded_at,
            recorded_on=recorded_on,
            received_at=received_at,
            opens_on=campaign.opens_on,
            age_when_recorded=identity.age_on(holder.birth_date, recorded_on),
            age_on_voting_day=identity.age_on(holder.birth_date, campaign.voting_day),
            married=holder.married,
        )
        agrees = identity.birth_date_agrees(holder.nik, holder.birth_date)
        facts = Facts(event, content_sha256, recorded_on, received_at, held=held, birth_date_agrees=agrees)
        return Assessed(facts, self._citizen(event, holder), replayed_at)

    def _whom(self, event: RecordingSubmitted, value: bytes) -> identity.Holder | UnidentifiedReason:
        """Whom the sealed message names, or in a word why it names nobody."""
        private_key = self.private_keys.get(event.kid)
        if private_key is None:
            return "unknown_key"
        info = sealing_info(event.campaign, id_as_written(value), event.device_id)
        plaintext = open_sealed(private_key, event.sealed, info)
        return "cannot_open" if plaintext is None else identity.read(plaintext)

    def _citizen(self, event: RecordingSubmitted, holder: identity.Holder) -> Citizen:
        nik_hmac = self.vault.lookup(event.campaign, holder.nik)
        row = f"citizen/{event.campaign}/{nik_hmac.hex()}"
        return Citizen(
            event.campaign,
            nik_hmac,
            person_id_of(event.campaign, event.submission_id),
            self.vault.seal(holder.nik.encode(), f"{row}/nik"),
            self.vault.seal(holder.birth_date.isoformat().encode(), f"{row}/birth-date"),
        )


def _replayed_at(value: bytes | None, campaign: CampaignOpened) -> datetime | Unauthenticated | None:
    if value is None:
        return None
    if campaign.clock == "live":
        return Unauthenticated("replay_header_in_live_campaign", "jb-replayed-at is for replayed campaigns alone")
    try:
        instant = datetime.fromisoformat(value.decode("ascii"))
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not is_plausible(instant):
        return Unauthenticated("malformed_replayed_at", "jb-replayed-at must be an RFC 3339 instant with offset")
    return instant.astimezone(UTC)
