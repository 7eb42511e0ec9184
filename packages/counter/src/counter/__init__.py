"""The counter: keeps recordings sealed and signed on its own disk, and sends them until enrollment has decided."""

from counter.client import Counter
from counter.errors import Busy, CounterError, EnrollmentUnavailable, FieldError, NotSetUp, RecordingRefused
from counter.kept import Kept, RowResult
from counter.recording import Recording
from counter.sending import Sending, SendSummary
from counter.status import Status
from counter.transport import KafkaTransport, Outcome, Outgoing, Transport

__all__ = [
    "Busy",
    "Counter",
    "CounterError",
    "EnrollmentUnavailable",
    "FieldError",
    "KafkaTransport",
    "Kept",
    "NotSetUp",
    "Outcome",
    "Outgoing",
    "Recording",
    "RecordingRefused",
    "RowResult",
    "SendSummary",
    "Sending",
    "Status",
    "Transport",
]
