"""The catalogue: every topic with its types, key, partitions and configuration. The only place that names them."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from contracts.decisions import SubmissionDecided
from contracts.envelope import Event
from contracts.progress import ProgressMade
from contracts.recordings import PersonMerged, RecordingCompleted, RecordingReattributed, RecordingVoided
from contracts.schools import CampaignOpened, SchoolListed
from contracts.submissions import RecordingSubmitted, SessionClosed
from contracts.targets import FigureStated, TargetUpdated
from contracts.visits import VisitCancelled, VisitCompleted, VisitRescheduled, VisitScheduled


@dataclass(frozen=True)
class Topic:
    """One Kafka topic. `keeps` None means for ever; `compacted` keeps the latest record of each key.

    `outsiders` write to it, perhaps in transactions: what they take back is not read, and what they have not committed
    yet is waited for. Relays use none: on their topics a stranger's open transaction holds nobody back.
    """

    name: str
    types: tuple[type[Event], ...]
    key: str
    owner: str
    readers: tuple[str, ...]
    partitions: int = 6
    keeps: timedelta | None = None
    compacted: bool = False
    outsiders: bool = False
    by_type: dict[str, type[Event]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_type", {model.type: model for model in self.types})

    @property
    def config(self) -> dict[str, str]:
        """The topic's whole configuration: `alter_configs` resets what is not named."""
        return {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": "-1" if self.keeps is None else str(int(self.keeps.total_seconds() * 1000)),
            "retention.bytes": "-1",
            # Producers may compress as they like; any reader, without extra libraries, can read what the broker keeps.
            "compression.type": "uncompressed",
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(1024 * 1024),
            # A replica that lacks records never becomes the leader: rather no leader than a shorter log.
            "unclean.leader.election.enable": "false",
        }

    def config_for(self, replication_factor: int) -> dict[str, str]:
        """The configuration on a cluster with so many replicas: one of them may be away, and no more."""
        return {**self.config, "min.insync.replicas": str(max(replication_factor - 1, 1))}


RECORDING_SUBMISSIONS: Final = Topic(
    "recording-submissions",
    (RecordingSubmitted, SessionClosed),
    key="device_id",
    owner="counter",
    readers=("enrollment",),
    keeps=timedelta(days=35),
    outsiders=True,
)
RECORDINGS: Final = Topic(
    "recordings",
    (RecordingCompleted, RecordingVoided, RecordingReattributed, PersonMerged),
    key="person_id",
    owner="enrollment",
    readers=("reporting",),
)
SUBMISSION_DECISIONS: Final = Topic(
    "submission-decisions", (SubmissionDecided,), key="submission_id", owner="enrollment", readers=("reporting",)
)
TARGETS: Final = Topic(
    "targets",
    (TargetUpdated, FigureStated),
    key="scope",
    owner="enrollment",
    readers=("reporting",),
    partitions=1,
)
SCHOOLS: Final = Topic(
    "schools",
    (CampaignOpened, SchoolListed),
    key="campaign or npsn",
    owner="enrollment",
    readers=("reporting", "scheduling"),
    partitions=1,
)
VISITS: Final = Topic(
    "visits",
    (VisitScheduled, VisitRescheduled, VisitCancelled, VisitCompleted),
    key="visit_id",
    owner="scheduling",
    readers=("reporting",),
    partitions=1,
)
PROGRESS: Final = Topic(
    "progress",
    (ProgressMade,),
    key="topic/partition",
    owner="every relay",
    readers=("reporting",),
    partitions=1,
    compacted=True,
)

CATALOGUE: Final = (RECORDING_SUBMISSIONS, RECORDINGS, SUBMISSION_DECISIONS, TARGETS, SCHOOLS, VISITS, PROGRESS)
TOPIC_OF: Final = {model: topic for topic in CATALOGUE for model in topic.types}
