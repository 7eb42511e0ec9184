"""The durable queue: what was stored is on disk, sealed and signed, in the order of its numbers, and never changes.

SQLite in WAL mode with synchronous=FULL: when `append` has returned, a power cut loses nothing. Rows are never deleted;
only what became of them is added.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from contracts.submissions import SET_BACK
from counter.errors import FieldError, RecordingRefused

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS message (
    seq         INTEGER PRIMARY KEY,            -- device_seq: 1, 2, 3 ... without gaps
    id          TEXT NOT NULL UNIQUE,           -- submission_id; of a closed session its event id
    type        TEXT NOT NULL,
    session_id  TEXT,
    digest      BLOB,                           -- keyed by the device's private key: says nothing without it
    value       BLOB NOT NULL,                  -- the exact bytes that were signed
    signature   BLOB NOT NULL,
    replayed_at TEXT,
    stored_at   TEXT NOT NULL,
    state       TEXT NOT NULL DEFAULT 'stored' CHECK (state IN ('stored', 'refused', 'sent', 'decided')),
    sent_at     TEXT,
    error       TEXT,                           -- of the last attempt to send
    outcome     TEXT,
    reason      TEXT,
    revision    INTEGER,
    decided_at  TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS unsent ON message (seq) WHERE state IN ('stored', 'refused');
CREATE INDEX IF NOT EXISTS by_state ON message (type, state, outcome);
CREATE INDEX IF NOT EXISTS by_session ON message (session_id);
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

ALREADY_WITH_OTHER_VALUES: Final = FieldError(
    "submission_id",
    "is stored already with other values in other columns, and what is stored is never changed: if it is wrong, ask the"
    " office to void it and record the person again",
)
OPEN_SESSION: Final = "open_session"
DECISIONS_CURSOR: Final = "decisions_cursor"
NUMBERS_TWICE: Final = "numbers_twice"
CLOCK_SET_BACK: Final = "clock_set_back"
TAKEN_LAST: Final = "taken_last"
# The broker refused it, or enrollment did; not what the office itself took back: it knows.
TROUBLED: Final = "(state = 'refused' OR outcome IN ('held', 'rejected') AND reason IS NOT 'voided')"
UNSENT: Final = "state IN ('stored', 'refused')"


@dataclass(frozen=True, slots=True)
class Draft:
    """A message without its number. `write(seq, session_id)` gives its value and signature.

    `taken_at`: when a person was recorded at this counter; None for a row of a file, which may be of any day.
    """

    id: str
    type: str
    write: Callable[[int, str], tuple[bytes, bytes]]
    session_id: str | None = None
    digest: bytes | None = None
    replayed_at: str | None = None
    taken_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A recording that was made at this counter: its number, and when by the counter's clock."""

    seq: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Appended:
    """`new` False: a message with this id was there already; `same` tells whether it says the same.

    `earlier_than`: the recording taken before this one, where this one is a day or more earlier.
    """

    seq: int
    new: bool
    same: bool = True
    earlier_than: Taken | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message that waits to be sent."""

    seq: int
    id: str
    type: str
    value: bytes
    signature: bytes
    replayed_at: str | None


@dataclass(frozen=True, slots=True)
class Attention:
    """A submission that somebody has to look at: `why` is an outcome or `not sent`."""

    device_seq: int
    submission_id: str
    why: str
    reason: str | None


class Queue:
    """One connection to the queue of one counter. Several processes may have one each."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        if create:
            path.touch(0o600)  # SQLite gives its other files the same mode
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=30)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA temp_store=MEMORY")
        if create:
            self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    def stored(self, ids: Sequence[str]) -> dict[str, tuple[int, bytes | None]]:
        """Number and digest of those that are stored."""
        marks = ",".join("?" * len(ids))
        rows = self._db.execute(f"SELECT id, seq, digest FROM message WHERE id IN ({marks})", ids)
        return {submission_id: (seq, digest) for submission_id, seq, digest in rows}

    def append(
        self, drafts: Sequence[Draft], new_session: Callable[[], str], now: str, *, all_or_none: bool = False
    ) -> list[Appended]:
        """Number, sign and store: all of them when it returns, none when it raises or the process dies.

        A draft whose id is stored already stores nothing; with `all_or_none` it raises `RecordingRefused` should it
        say something else. A draft without a session belongs to the open one, which the
        first of them opens.
        """
        results: list[Appended] = []
        rows: list[tuple[Any, ...]] = []
        with self._transaction():
            seq = self.last_seq()
            stored = self.stored([draft.id for draft in drafts])
            session = opened = self._note(OPEN_SESSION)
            previous = taken = self._taken_last()
            for draft in drafts:
                if draft.id in stored:
                    stored_seq, digest = stored[draft.id]
                    if all_or_none and digest != draft.digest:
                        raise RecordingRefused([ALREADY_WITH_OTHER_VALUES])
                    results.append(Appended(stored_seq, False, digest == draft.digest))
                    continue
                if draft.session_id is None and session is None:
                    session = new_session()
                belongs_to = draft.session_id or session or ""
                seq += 1
                value, signature = draft.write(seq, belongs_to)
                stored[draft.id] = (seq, draft.digest)
                earlier_than = None
                if draft.taken_at is not None:
                    earlier_than = taken if taken and taken.at - draft.taken_at >= SET_BACK else None
                    taken = Taken(seq, draft.taken_at)
                results.append(Appended(seq, True, earlier_than=earlier_than))
                rows.append(
                    (seq, draft.id, draft.type, belongs_to, draft.digest, value, signature, draft.replayed_at, now)
                )
            self._insert(rows)
            if session is not None and session != opened:
                self._set_note(OPEN_SESSION, session)
            if taken is not None and taken != previous:
                self._set_note(TAKEN_LAST, f"{taken.seq} {taken.at.isoformat()}")
        return results

    def append_closing(
        self, session_id: str | None, submission_type: str, draft: Callable[[str, int, int], Draft], now: str
    ) -> tuple[str, int] | None:
        """Store the message that closes a session (None: the open one) with the count of its submissions.

        Returns the session and the count; None when no session is open.
        """
        with self._transaction():
            opened = self._note(OPEN_SESSION)
            closing = session_id or opened
            if closing is None:
                return None
            of_session = "SELECT count(*) FROM message WHERE session_id = ? AND type = ?"
            count = int(self._scalar(of_session, closing, submission_type))
            seq = self.last_seq() + 1
            message = draft(closing, count, seq)
            value, signature = message.write(seq, closing)
            self._insert([(seq, message.id, message.type, closing, None, value, signature, message.replayed_at, now)])
            if closing == opened:
                self._db.execute("DELETE FROM note WHERE name = ?", (OPEN_SESSION,))
        return closing, count

    def unsent(self, after: int, limit: int) -> list[Message]:
        """The next messages that the broker has not confirmed, in order; those it refused before are among them."""
        rows = self._db.execute(
            "SELECT seq, id, type, value, signature, replayed_at FROM message"
            f" WHERE {UNSENT} AND seq > ? ORDER BY seq LIMIT ?",
            (after, limit),
        )
        return [Message(*row) for row in rows]

    def mark(
        self, *, sent: Iterable[int], refused: Iterable[tuple[int, str]], unknown: Iterable[tuple[int, str]], now: str
    ) -> None:
        """Write down what became of an attempt. A decision that came meanwhile stays."""
        with self._transaction():
            self._db.executemany(
                f"UPDATE message SET state = 'sent', sent_at = ?, error = NULL WHERE seq = ? AND {UNSENT}",
                [(now, seq) for seq in sent],
            )
            self._db.executemany(
                f"UPDATE message SET state = 'refused', error = ? WHERE seq = ? AND {UNSENT}",
                [(error, seq) for seq, error in refused],
            )
            self._db.executemany(
                "UPDATE message SET error = ? WHERE seq = ? AND state = 'stored'",
                [(error, seq) for seq, error in unknown],
            )

    def decide(self, decisions: Sequence[Mapping[str, Any]], cursor: str) -> int:
        """Take over decisions and the cursor behind them, both or neither; a lower revision changes nothing."""
        with self._transaction():
            changed = 0
            for decision in decisions:
                changed += self._db.execute(
                    "UPDATE message SET state = 'decided', outcome = :outcome, reason = :reason, revision = :revision,"
                    " decided_at = :known_at, error = NULL"
                    " WHERE id = :submission_id AND coalesce(revision, 0) < :revision",
                    decision,
                ).rowcount
            self._set_note(DECISIONS_CURSOR, cursor)
        return changed

    def note_numbers_twice(self, numbers: Sequence[int]) -> None:
        """Keep what enrollment says of numbers that came twice; once they did, they have for good."""
        if numbers:
            self._set_note(NUMBERS_TWICE, ",".join(map(str, numbers)))

    def numbers_twice(self) -> list[int]:
        return [int(number) for number in (self._note(NUMBERS_TWICE) or "").split(",") if number]

    def note_clock_set_back(self, numbers: Sequence[Mapping[str, Any]]) -> None:
        """Keep what enrollment says now of numbers that were recorded a day or more before the number before them."""
        text = json.dumps(numbers)
        if text != (self._note(CLOCK_SET_BACK) or "[]"):
            self._set_note(CLOCK_SET_BACK, text)

    def clock_set_back(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], json.loads(self._note(CLOCK_SET_BACK) or "[]"))

    def decisions_cursor(self) -> str | None:
        return self._note(DECISIONS_CURSOR)

    def last_seq(self) -> int:
        """The highest number so far; 0 when empty."""
        return int(self._scalar("SELECT coalesce(max(seq), 0) FROM message"))

    def count_unsent(self, after: int) -> int:
        """How many behind a number the broker has not confirmed, those it refused among them."""
        return int(self._scalar(f"SELECT count(*) FROM message WHERE {UNSENT} AND seq > ?", after))

    def count_waiting(self) -> int:
        """How many are neither confirmed nor refused."""
        return int(self._scalar("SELECT count(*) FROM message WHERE state = 'stored'"))

    def counts(self) -> dict[tuple[str, str, str | None], int]:
        """How many messages there are by type, state and outcome."""
        rows = self._db.execute("SELECT type, state, outcome, count(*) FROM message GROUP BY type, state, outcome")
        return {(message_type, state, outcome): number for message_type, state, outcome, number in rows}

    def attention(self, submission_type: str, limit: int) -> list[Attention]:
        """The last submissions that somebody has to look at."""
        rows = self._db.execute(
            "SELECT seq, id, iif(state = 'refused', 'not sent', outcome), iif(state = 'refused', error, reason)"
            f" FROM message WHERE type = ? AND {TROUBLED} ORDER BY seq DESC LIMIT ?",
            (submission_type, limit),
        )
        return [Attention(*row) for row in rows]

    def count_attention(self, submission_type: str) -> int:
        """How many submissions somebody has to look at."""
        return int(self._scalar(f"SELECT count(*) FROM message WHERE type = ? AND {TROUBLED}", submission_type))

    def oldest_unsent(self) -> str | None:
        """Since when the first unconfirmed message has been waiting, ISO 8601."""
        return cast(str | None, self._scalar(f"SELECT min(stored_at) FROM message WHERE {UNSENT}"))

    def last_error(self) -> str | None:
        """Why the newest unconfirmed message that was tried could not be sent."""
        sql = f"SELECT error FROM message WHERE error IS NOT NULL AND {UNSENT} ORDER BY seq DESC LIMIT 1"
        return cast(str | None, self._scalar(sql))

    def open_session(self) -> str | None:
        """The session that a recording made now belongs to."""
        return self._note(OPEN_SESSION)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _insert(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self._db.executemany(
            "INSERT INTO message (seq, id, type, session_id, digest, value, signature, replayed_at, stored_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

    def _scalar(self, sql: str, *parameters: Any) -> Any:
        """The value of a query of one column; None without a row."""
        row = self._db.execute(sql, parameters).fetchone()
        return None if row is None else row[0]

    def _taken_last(self) -> Taken | None:
        """The last recording that was made here; None before the first."""
        seq, _, at = (self._note(TAKEN_LAST) or "").partition(" ")
        return Taken(int(seq), datetime.fromisoformat(at)) if at else None

    def _note(self, name: str) -> str | None:
        return cast(str | None, self._scalar("SELECT value FROM note WHERE name = ?", name))

    def _set_note(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO note (name, value) VALUES (?, ?)", (name, value))
