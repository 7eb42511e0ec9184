"""What is kept of a submission: the facts as the device signed them, and what they were worth on the day they came."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from contracts.submissions import RecordingSubmitted
from enrollment.persons.rules import HeldReason, Submission, UnidentifiedReason


@dataclass(frozen=True, slots=True)
class Facts:
    """A submission from an authenticated device. `refused` names why it tells of nobody, `held` why it cannot count."""

    event: RecordingSubmitted
    content_sha256: bytes
    recorded_on: date
    received_at: datetime
    refused: UnidentifiedReason | None = None
    held: HeldReason | None = None
    birth_date_agrees: bool | None = None

    @property
    def submission(self) -> Submission:
        """As the rules see it."""
        event = self.event
        return Submission(
            submission_id=event.submission_id,
            device_id=event.device_id,
            device_seq=event.device_seq,
            recorded_at=event.recorded_at.astimezone(UTC),
            recorded_on=self.recorded_on,
            received_at=self.received_at,
            kind=event.kind,
            group=event.group,
            domicile_regency=event.domicile_regency,
            session_id=event.session_id,
            held=self.held,
        )

    def row(self) -> dict[str, object]:
        """The row of the table `submission`, as JSON."""
        event = self.event
        return {
            **event.model_dump(mode="json", exclude={"sealed", "documents"}),
            "recorded_at": event.recorded_at.astimezone(UTC).isoformat(),  # PostgreSQL reads no offset of 16 hours
            "family_card": event.documents.family_card,
            "birth_certificate": event.documents.birth_certificate,
            "imported": bool(event.imported),
            "content_sha256": f"\\x{self.content_sha256.hex()}",
            "recorded_on": self.recorded_on.isoformat(),
            "received_at": self.received_at.isoformat(),
            "refused": self.refused,
            "held": self.held,
            "birth_date_agrees": self.birth_date_agrees,
        }
