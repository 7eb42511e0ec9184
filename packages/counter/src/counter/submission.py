"""From what the operator entered to the exact bytes that are signed, stored and sent."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from contracts.envelope import REPLAYED_AT_HEADER, SIGNATURE_HEADER, headers_for
from contracts.submissions import Documents, FromDevice, Identity, RecordingSubmitted, SessionClosed
from counter.device import DeviceKey, unpadded
from counter.home import Setup
from counter.queue import Draft, Message
from counter.recording import Recording
from counter.seal import Recipient, seal
from counter.transport import Outgoing

SUBMISSION: Final = RecordingSubmitted.type
TYPES: Final[dict[str, type[FromDevice]]] = {event.type: event for event in (RecordingSubmitted, SessionClosed)}


def submission(
    recording: Recording, submission_id: str, setup: Setup, device: DeviceKey, to: Recipient, *, imported: bool = False
) -> Draft:
    """Seals a recording; the queue numbers and signs it within its transaction. `imported`: a row of a file."""
    identity = Identity(nik=recording.nik, birth_date=recording.birth_date.isoformat(), married=recording.married)
    sealed = seal(identity, to, campaign=setup.campaign, submission_id=submission_id, device_id=device.device_id)
    # Nothing of the identity is kept for later: from here on there is only the sealed message.
    kind, place = recording.kind or setup.kind, recording.place or setup.place
    group, at, regency = recording.group, recording.recorded_at, recording.domicile_regency
    documents = Documents(family_card=recording.family_card, birth_certificate=recording.birth_certificate)

    def write(seq: int, session_id: str) -> tuple[bytes, bytes]:
        event = RecordingSubmitted(
            campaign=setup.campaign,
            device_id=device.device_id,
            device_seq=seq,
            kind=kind,
            place=place,
            submission_id=submission_id,
            session_id=session_id,
            group=group,
            recorded_at=at,
            domicile_regency=regency,
            documents=documents,
            imported=imported or None,
            kid=to.kid,
            sealed=sealed,
        )
        return _signed(event, device)

    return Draft(
        id=submission_id,
        type=SUBMISSION,
        write=write,
        session_id=recording.session_id,
        digest=device.content_digest(recording.everything()),
        replayed_at=_text(recording.replayed_at),
        taken_at=None if imported else at,
    )


def closing(
    setup: Setup, device: DeviceKey, closed_at: datetime, replayed_at: datetime | None
) -> Callable[[str, int, int], Draft]:
    """What writes the message that closes a session, once its count and number are known."""

    def draft(session_id: str, submissions: int, seq: int) -> Draft:
        event = SessionClosed(
            campaign=setup.campaign,
            device_id=device.device_id,
            device_seq=seq,
            kind=setup.kind,
            place=setup.place,
            session_id=session_id,
            closed_at=closed_at,
            submissions=submissions,
        )
        return Draft(
            id=event.event_id,
            type=event.type,
            write=lambda _seq, _session: _signed(event, device),
            replayed_at=_text(replayed_at),
        )

    return draft


def outgoing(message: Message, device_id: str) -> Outgoing:
    """The Kafka record of a stored message: the same bytes and headers on every attempt."""
    event = TYPES[message.type].stored(message.value)
    headers = headers_for(event, device_id, message.value)
    headers.append((SIGNATURE_HEADER, unpadded(message.signature).encode()))
    if message.replayed_at is not None:
        headers.append((REPLAYED_AT_HEADER, message.replayed_at.encode()))
    return Outgoing(event.key.encode(), message.value, headers)


def _signed(event: FromDevice, device: DeviceKey) -> tuple[bytes, bytes]:
    value = event.model_dump_json(exclude_none=True).encode()
    return value, device.sign(value)


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
