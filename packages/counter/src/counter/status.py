"""The four states in words: stored here, sent, decided, needs attention."""

from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counter.queue import Attention, Queue
from counter.submission import SUBMISSION

SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Status:
    """Every submission is in one of four states: `total` is their sum. Sessions closed are counted apart.

    `numbers_twice`: numbers that enrollment has from this device under two ids, so its home was copied.
    `clock_set_back`: numbers that were recorded a day or more before the number before them, as enrollment lists them.
    """

    campaign: str
    device_id: str
    kind: str
    place: str
    total: int
    stored_here: int
    sent: int
    decided: int
    needs_attention: int
    outcomes: Mapping[str, int]
    attention: list[Attention]
    closings_unsent: int
    closings_sent: int
    open_session: str | None
    oldest_unsent: str | None
    last_error: str | None
    numbers_twice: list[int]
    clock_set_back: list[dict[str, Any]]


def read(queue: Queue, **who: str) -> Status:
    """Count. `attention` lists the last 100 at most."""
    submissions: Tally[tuple[str, str | None]] = Tally()
    closings: Tally[str] = Tally()
    for (message_type, state, outcome), number in queue.counts().items():
        if message_type == SUBMISSION:
            submissions[state, outcome] += number
        else:
            closings[state] += number
    outcomes = {outcome: n for (_, outcome), n in sorted(submissions.items(), key=str) if outcome is not None}
    troubled, refused = queue.count_attention(SUBMISSION), submissions["refused", None]
    return Status(
        **who,
        total=submissions.total(),
        stored_here=submissions["stored", None],
        sent=submissions["sent", None],
        decided=sum(outcomes.values()) - (troubled - refused),
        needs_attention=troubled,
        outcomes=outcomes,
        attention=queue.attention(SUBMISSION, SHOWN),
        closings_unsent=closings["stored"] + closings["refused"],
        closings_sent=closings["sent"],
        open_session=queue.open_session(),
        oldest_unsent=queue.oldest_unsent(),
        last_error=queue.last_error(),
        numbers_twice=queue.numbers_twice(),
        clock_set_back=queue.clock_set_back(),
    )
