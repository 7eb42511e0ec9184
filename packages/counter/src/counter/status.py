"""The four states in words: stored here, sent, decided, needs attention."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counter.queue import Queue
from counter.submission import SUBMISSION

TROUBLED: Final = ("held", "rejected")  # outcomes that somebody has to look at
SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Attention:
    """A submission that somebody has to look at, and why."""

    device_seq: int
    submission_id: str
    why: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """Every submission is in one of four states: `total` is their sum. Sessions closed are counted apart."""

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


def read(queue: Queue, **who: str) -> Status:
    """Count. `attention` lists the last 100 at most."""
    counts: dict[tuple[str, str | None], int] = {
        (state, outcome): n
        for state, outcome, n in queue.select(
            "SELECT state, outcome, count(*) FROM message WHERE type = ? GROUP BY state, outcome", SUBMISSION
        )
    }
    outcomes = {outcome: n for (state, outcome), n in sorted(counts.items(), key=str) if outcome is not None}
    troubled = sum(outcomes.get(outcome, 0) for outcome in TROUBLED)
    refused = counts.get(("refused", None), 0)
    ((closings_unsent, closings_sent),) = queue.select(
        "SELECT count(*) FILTER (WHERE state IN ('stored', 'refused')), count(*) FILTER (WHERE state = 'sent')"
        " FROM message WHERE type <> ?",
        SUBMISSION,
    )
    ((oldest,),) = queue.select("SELECT min(stored_at) FROM message WHERE state IN ('stored', 'refused')")
    errors = queue.select(
        "SELECT error FROM message WHERE error IS NOT NULL AND state IN ('stored', 'refused') ORDER BY seq DESC LIMIT 1"
    )
    return Status(
        **who,
        total=sum(counts.values()),
        stored_here=counts.get(("stored", None), 0),
        sent=counts.get(("sent", None), 0),
        decided=sum(outcomes.values()) - troubled,
        needs_attention=troubled + refused,
        outcomes=outcomes,
        attention=[_attention(row) for row in queue.select(_ATTENTION, SUBMISSION, *TROUBLED, SHOWN)],
        closings_unsent=closings_unsent,
        closings_sent=closings_sent,
        open_session=queue.open_session(),
        oldest_unsent=oldest,
        last_error=errors[0][0] if errors else None,
    )


_ATTENTION: Final = """
SELECT seq, id, state, outcome, reason, error FROM message
WHERE type = ? AND (state = 'refused' OR (state = 'decided' AND outcome IN (?, ?)))
ORDER BY seq DESC LIMIT ?
"""


def _attention(row: tuple[Any, ...]) -> Attention:
    seq, submission_id, state, outcome, reason, error = row
    return Attention(seq, submission_id, *(("not sent", error) if state == "refused" else (outcome, reason)))
