"""The counter as a library: record, import, send, see what became of it."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final, Self

import httpx

from counter import ids, sending, status, submission
from counter.csv_import import Row
from counter.device import DeviceKey
from counter.enrollment import Enrollment
from counter.errors import (
    CounterError,
    EnrollmentPreparing,
    EnrollmentUnavailable,
    FieldError,
    NotSetUp,
    RecordingRefused,
)
from counter.home import Home, Setup
from counter.indonesian import beside
from counter.kept import Kept, RowResult
from counter.queue import ALREADY_WITH_OTHER_VALUES, Appended, Queue
from counter.recording import CHECKS, Recording
from counter.seal import Recipient
from counter.setup import set_up
from counter.transport import KafkaTransport, Transport

BATCH: Final = 500  # rows stored in one transaction
ANOTHER_BIRTH_DATE: Final = "check: the birth date within the NIK is another than birth_date"
# Enrollment takes no such message in a live campaign, and the counter would never hear of it.
ONLY_REPLAYED: Final = FieldError(
    "replayed_at", "is for replayed campaigns alone, and this one runs by the clock: leave it out"
)


class Counter:
    """One counter at its home. Not for several threads; several processes may record in one home, one may send.

    A `transport` given to `open` is shared, and closed by who made it; without one, `send` makes its own.
    """

    def __init__(
        self,
        home: Home,
        *,
        transport: Transport | None = None,
        http: httpx.AsyncClient | None = None,
        enrollment: str | None = None,
    ) -> None:
        self.home = home
        home.close_to_others()
        self.setup: Setup = home.setup()
        self.device = DeviceKey.load(home.device_key)
        self._recipient = home.recipient()
        self._transport = transport
        self._enrollment = Enrollment(enrollment or self.setup.enrollment, http)
        try:
            self.queue = Queue(home.queue_file)
        except sqlite3.OperationalError:
            raise NotSetUp(f"{home.queue_file} is missing or cannot be opened: without it no number is safe") from None

    @classmethod
    async def init(
        cls,
        home: Path | str,
        *,
        campaign: str,
        enrollment: str,
        kind: str,
        place: str,
        kafka: str | None = None,
        token: str | None = None,
        code: str | None = None,
        transport: Transport | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> Self:
        """Set up a home, or find it set up with the same arguments, and open it. Raises `NotSetUp`.

        Registering the device wants an administrator's `token` or a one-time `code`; neither is kept.
        """
        await set_up(
            Home(Path(home)), Setup(campaign, enrollment.rstrip("/"), kind, place, kafka), http, token=token, code=code
        )
        return cls.open(home, transport=transport, http=http)

    @classmethod
    def open(
        cls,
        home: Path | str,
        *,
        transport: Transport | None = None,
        http: httpx.AsyncClient | None = None,
        enrollment: str | None = None,
    ) -> Self:
        """Open a home. `enrollment` is for when it moved to another address. Raises `NotSetUp`."""
        return cls(Home(Path(home)), transport=transport, http=http, enrollment=enrollment)

    def close(self) -> None:
        self.queue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def device_id(self) -> str:
        return self.device.device_id

    def record(self, recording: Recording) -> Kept:
        """Store one recording: when this returns it is on disk, sealed, and will not be lost.

        Raises `RecordingRefused` when its `submission_id` is stored already with other content, and when it has a
        `replayed_at` in a live campaign.
        """
        return self.record_many([recording])[0]

    def record_many(self, recordings: Sequence[Recording]) -> list[Kept]:
        """Store many in one transaction. Raises `RecordingRefused`, with nothing stored, as `record` does."""
        if any(self._by_the_clock(recording.replayed_at) for recording in recordings):
            raise RecordingRefused([ONLY_REPLAYED])
        identified = [(r, r.submission_id or ids.fresh(r.recorded_at)) for r in recordings]
        appended = self._store(identified, all_or_none=True)
        return [
            Kept(submission_id, result.seq, result.new, _hint(recording, result))
            for (recording, submission_id), result in zip(identified, appended, strict=True)
        ]

    def import_rows(self, rows: Iterable[Row]) -> Iterator[RowResult]:
        """Store a file's rows; yields a result for each, in order, once it is on disk.

        A bad row is refused and stops no other. Safe to repeat: what is stored already is `already stored`.
        """
        rows = iter(rows)
        while batch := [self._in_this_campaign(row) for row in islice(rows, BATCH)]:
            yield from self._import(batch)

    async def send(
        self,
        *,
        progress: Callable[[sending.Sending], None] | None = None,
        deadline: float = 60.0,
        stop: asyncio.Event | None = None,
        kafka: str | None = None,
    ) -> sending.SendSummary:
        """Send all that is not confirmed; gives up after `deadline` seconds without any confirmation.

        `kafka` goes before KAFKA_BOOTSTRAP_SERVERS, which goes before what `init` was told. Raises `Busy` when another
        process sends from this home, `NotSetUp` when no address of Kafka is known.
        """
        with self.home.alone("send"):
            transport = self._transport or self._own_transport(kafka)
            try:
                note = await self._refresh()
                summary = await sending.drain(
                    self.queue, transport, self.device_id, deadline=deadline, progress=progress, stop=stop
                )
            finally:
                if transport is not self._transport:
                    await transport.close()
        if note:
            summary.notes.append(note)
        return summary

    async def refresh_decisions(self) -> int:
        """Read what enrollment decided since last time; returns how many changed. Raises `EnrollmentUnavailable`."""
        changed = 0
        while True:
            cursor = self.queue.decisions_cursor()
            decisions, following, twice, set_back = await self._enrollment.decisions(self.device_id, cursor)
            self.queue.note_numbers_twice(twice)
            self.queue.note_clock_set_back(set_back)
            if decisions and following is None:
                raise EnrollmentUnavailable("enrollment gave decisions without a cursor to go on from")
            if following is None or following == cursor:
                return changed
            changed += self.queue.decide(decisions, following)
            if not decisions:
                return changed

    def status(self) -> status.Status:
        who = self.setup
        return status.read(self.queue, campaign=who.campaign, device_id=self.device_id, kind=who.kind, place=who.place)

    def close_session(
        self,
        session_id: str | None = None,
        *,
        closed_at: datetime | None = None,
        replayed_at: datetime | None = None,
    ) -> tuple[str, int] | None:
        """Store the message that closes a session (None: the open one); `send` sends it.

        Returns the session and how many submissions this counter stored in it; None when no session is open.
        Raises `RecordingRefused` when `session_id` is no id, and for a `replayed_at` in a live campaign.
        """
        if self._by_the_clock(replayed_at):
            raise RecordingRefused([ONLY_REPLAYED])
        if session_id is not None and (message := CHECKS["session_id"](session_id)):
            raise RecordingRefused([FieldError("session_id", message)])
        session_id = session_id and session_id.lower()
        now = datetime.now(UTC)
        write = submission.closing(self.setup, self.device, closed_at or now, replayed_at)
        return self.queue.append_closing(session_id, submission.SUBMISSION, write, now.isoformat())

    def _by_the_clock(self, replayed_at: datetime | None) -> bool:
        """Whether it is an instant of replay in a campaign that is known to be live."""
        return replayed_at is not None and self.setup.clock == "live"

    def _in_this_campaign(self, row: Row) -> Row:
        refused = row.recording is not None and self._by_the_clock(row.recording.replayed_at)
        return Row(row.number, None, (ONLY_REPLAYED,)) if refused else row

    def _import(self, batch: list[Row]) -> Iterator[RowResult]:
        identified = {
            row.number: (row.recording, row.recording.submission_id or self._derived(row.recording))
            for row in batch
            if row.recording
        }
        stored = self.queue.stored([submission_id for _, submission_id in identified.values()])
        fresh = [(recording, id_) for recording, id_ in identified.values() if id_ not in stored]
        appended = iter(self._store(fresh, imported=True))
        for row in batch:
            if row.number not in identified:
                yield RowResult(row.number, "refused", None, "; ".join(str(error) for error in row.errors))
                continue
            recording, submission_id = identified[row.number]
            if submission_id in stored:
                seq, digest = stored[submission_id]
                result = Appended(seq, False, digest == self.device.content_digest(recording.everything()))
            else:
                result = next(appended)
            yield _row_result(row.number, recording, submission_id, result)

    def _store(
        self, identified: Sequence[tuple[Recording, str]], *, all_or_none: bool = False, imported: bool = False
    ) -> list[Appended]:
        """Seal outside the transaction, number and sign within it."""
        drafts = [
            submission.submission(r, id_, self.setup, self.device, self._recipient, imported=imported)
            for r, id_ in identified
        ]
        if not drafts:
            return []
        now = datetime.now(UTC)
        return self.queue.append(drafts, lambda: ids.fresh(now), now.isoformat(), all_or_none=all_or_none)

    def _derived(self, recording: Recording) -> str:
        return ids.derived(recording, self.setup.campaign, self.device)

    def _own_transport(self, kafka: str | None) -> Transport:
        servers = kafka or os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or self.setup.kafka
        if not servers:
            raise NotSetUp("no address of Kafka: give --kafka or set KAFKA_BOOTSTRAP_SERVERS")
        return KafkaTransport(servers, topic_prefix=os.environ.get("KAFKA_TOPIC_PREFIX", ""))

    async def _refresh(self) -> str:
        """Take over enrollment's newest keys; without network those at hand do. Returns what to tell, if anything."""
        try:
            if self.setup.clock is None:
                self.setup = replace(self.setup, clock=await self._enrollment.clock(self.setup.campaign))
                self.home.keep_setup(self.setup)
            keyset = await self._enrollment.keyset()
            self._recipient = Recipient.newest(keyset)
            self.home.keep_keyset(keyset)
        except EnrollmentPreparing:
            return ""  # those at hand do until it is
        except (CounterError, KeyError, ValueError) as error:
            return f"enrollment's keys were not refreshed: {error}"
        return ""


def _hint(recording: Recording, appended: Appended) -> str:
    if (before := appended.earlier_than) is None:
        return ""
    return (
        f"check the clock: this is {(before.at - recording.recorded_at).days} days earlier than number {before.seq}, "
        f"which was recorded at {before.at.isoformat(timespec='minutes')}; it is stored as it is"
    )


def _row_result(number: int, recording: Recording, submission_id: str, appended: Appended) -> RowResult:
    if not appended.same:
        return RowResult(number, "refused", submission_id, str(ALREADY_WITH_OTHER_VALUES))
    warning = beside(ANOTHER_BIRTH_DATE) if recording.nik_disagrees else ""
    return RowResult(number, "stored" if appended.new else "already stored", submission_id, warning)
