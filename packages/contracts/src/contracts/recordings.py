"""`recordings`: each person's whole state, whether and where they count."""

from typing import ClassVar

from contracts.envelope import Fact
from contracts.types import Cause, Day, Flag, Group, Instant, Kind, Regency, Uuid


class Recording(Fact):
    """A person's state after a decision of enrollment. One person counts once, for one group, on one day.

    `counts` says whether the person is recorded at all; `recorded_at`, `kind` and `session_id` are those of the
    recording that counts (of the last that did, once none does). `cause` is a word for lists, as `recorded`,
    `earlier_recording`, `voided`, `restored`, `reattributed`.
    """

    aggregate: ClassVar[str] = "person"
    person_id: Uuid
    counts: Flag
    cause: Cause
    group: Group
    domicile_regency: Regency | None = None
    kind: Kind
    session_id: Uuid | None = None
    recorded_at: Instant
    recorded_on: Day
    received_at: Instant

    @property
    def subject(self) -> str:
        return self.person_id


class RecordingCompleted(Recording):
    """A recording counts, or another of the same person does from now on."""

    type: ClassVar[str] = "jemputbola.recording-completed.v1"


class RecordingVoided(Recording):
    """The recording that counted was voided; where another stands, it was promoted and `counts` stays true."""

    type: ClassVar[str] = "jemputbola.recording-voided.v1"


class RecordingReattributed(Recording):
    """The office decided that the person counts for another group."""

    type: ClassVar[str] = "jemputbola.recording-reattributed.v1"


class PersonMerged(Recording):
    """The person turned out to be another one as well and counts there: `counts` is false."""

    type: ClassVar[str] = "jemputbola.person-merged.v1"
