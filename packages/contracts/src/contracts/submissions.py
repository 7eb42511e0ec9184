"""`recording-submissions`: what counters send, sealed and signed. No revision: enrollment decides what it means."""

from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final
from uuid import uuid5

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import from_json

from contracts.envelope import NAMESPACE, Event
from contracts.types import (
    MOST,
    AnyUuid,
    Campaign,
    Count,
    DeviceInstant,
    Flag,
    Group,
    Kind,
    Label,
    Regency,
    Slug,
    Whole,
)

Sealed = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_-]{64,4096}={0,2}$"),
    Field(description="base64url (padded or not) of HPKE's enc and ciphertext, X25519-HKDF-SHA256 and AES-256-GCM."),
]


# So far back, from one number of a device to its next, somebody looks at the clock: more than a wrong zone can do.
SET_BACK: Final = timedelta(hours=24)


class Documents(BaseModel):
    """Which photocopies were handed in."""

    model_config = ConfigDict(frozen=True)

    family_card: Flag
    birth_certificate: Flag


class FromDevice(Event):
    """What every message of a counter carries."""

    campaign: Campaign
    device_id: Slug
    device_seq: Annotated[int, Field(ge=1, le=MOST, description="1, 2, 3… per device: a gap is a loss."), Whole()]
    kind: Kind
    place: Label

    @property
    def key(self) -> str:
        """Keyed by device, so that one device's messages stay in order."""
        return self.device_id


class RecordingSubmitted(FromDevice):
    """One person's recording as the counter saw it. Who it was is in `sealed`, which enrollment alone can open."""

    type: ClassVar[str] = "jemputbola.recording-submitted.v1"
    submission_id: AnyUuid
    session_id: AnyUuid | None = None
    group: Group | None = None
    recorded_at: DeviceInstant
    domicile_regency: Regency | None = None
    documents: Documents
    imported: Annotated[
        Flag | None,
        Field(description="From a list of before: when it was recorded says nothing of the device's clock."),
    ] = None
    kid: Annotated[Slug, Field(description="Which key of enrollment's key set it is sealed to.")]
    sealed: Sealed

    @property
    def subject(self) -> str:
        return self.submission_id

    @property
    def event_id(self) -> str:
        """Derived from the submission: the same on every retry."""
        return str(uuid5(NAMESPACE, f"submission/{self.campaign}/{self.submission_id}"))

    @property
    def time(self) -> datetime:
        """The counter's clock."""
        return self.recorded_at


class SessionClosed(FromDevice):
    """A counter finished a session: so many submissions belong to it."""

    type: ClassVar[str] = "jemputbola.session-closed.v1"
    session_id: AnyUuid
    closed_at: DeviceInstant
    submissions: Annotated[Count, Field(description="How many this device recorded in the session.")]

    @property
    def subject(self) -> str:
        return self.session_id

    @property
    def event_id(self) -> str:
        return str(uuid5(NAMESPACE, f"session/{self.campaign}/{self.session_id}/{self.device_id}/{self.device_seq}"))

    @property
    def time(self) -> datetime:
        """The counter's clock."""
        return self.closed_at


def sealing_info(campaign: str, submission_id: str, device_id: str) -> bytes:
    """HPKE's `info`: binds the sealed box to the submission that carries it, so that it cannot be moved to another.

    `submission_id` is as the device wrote it, in its own case.
    """
    return f"{campaign}{submission_id}{device_id}".encode()


def id_as_written(value: bytes) -> str:
    """The `submission_id` of a `recording-submitted` as the device wrote it."""
    return str(from_json(value)["submission_id"])


class Identity(BaseModel):
    """What is inside `sealed`. Never logged, never stored in clear, never sent in any other way."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    nik: Annotated[str, StringConstraints(pattern=r"^[0-9]{16}$"), Field(repr=False)]
    birth_date: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), Field(repr=False)]
    married: bool = Field(default=False, strict=True, repr=False)
