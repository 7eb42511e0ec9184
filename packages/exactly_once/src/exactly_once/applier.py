"""Applies records: one batch, one transaction. A bad record becomes a dead letter and holds nobody else up."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from exactly_once import flood, position, set_aside
from exactly_once.dead_letters import DeadLetters, Subscription
from exactly_once.errors import OUTAGE, Flood, in_a_line, is_of_the_world
from exactly_once.expected import Expected, Run
from exactly_once.metrics import Metrics
from exactly_once.position import Partition
from exactly_once.records import Batch, Connection, Fault, Pool, Received, Record, Undecodable, decoder
from exactly_once.set_aside import BadRecord, bad_record
from exactly_once.settings import Tuning
from exactly_once.slices import slices

logger: Final = logging.getLogger(__name__)


# By the id of a record: its event, or why it has none.
Decoded: TypeAlias = dict[int, Received[Any] | Fault]


class Applier:
    """Hands batches to the subscriptions' code in the transaction that moves the positions."""

    def __init__(
        self,
        pool: Pool,
        subscriptions: Sequence[Subscription],
        *,
        expected: Expected,
        dead_letters: DeadLetters,
        metrics: Metrics,
        prefix: str,
        tuning: Tuning,
    ) -> None:
        """`prefix` is put before the topics' names; a transaction has `tuning.max_records` records at most."""
        self._pool = pool
        self._handlers = {each.topic.name: each.handler for each in subscriptions}
        self._decoders = {each.topic.name: decoder(each.topic) for each in subscriptions}
        self._prepare = {each.topic.name: each.prepare for each in subscriptions}
        self._outsiders = frozenset(each.topic.name for each in subscriptions if each.topic.outsiders)
        self._expected = expected
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._prefix = prefix
        self._tuning = tuning
        self._most = self._at_once = tuning.max_records
        self.stopped = False
        self.under_way: asyncio.Future[None] | None = None  # done once a batch's handler has asked the database
        self.passed: dict[Partition, int] = {}  # up to where a person let bad records pass

    async def decode(self, records: Sequence[Record]) -> Decoded:
        """What is in the records: it needs no database, and no order."""
        decoded: Decoded = {}
        async for part in slices(records):
            for record in part:
                decoded[id(record)] = self._decoded(record)
        return decoded

    def _decoded(self, record: Record) -> Received[Any] | Fault:
        topic = record.topic.removeprefix(self._prefix)
        try:
            received = Received(self._decoders[topic](record), record)
            if (prepare := self._prepare[topic]) is not None:
                received.prepared = prepare(received)
        except Undecodable as error:
            return Fault(record, error.reason, error.detail, of_sender=topic in self._outsiders)
        except Exception as error:
            if is_of_the_world(error):
                raise
            return Fault(record, "refused", in_a_line(error))
        return received

    async def apply(self, records: Sequence[Record], decoded: Decoded) -> None:
        """Commits the records, in as many transactions as it takes to end each in time.

        What fails for reasons of the world is raised, and is smaller when it begins again: what is too much for the
        limits of time would fail for ever. It grows with what succeeds.
        """
        while records:
            part, records = records[: self._at_once], records[self._at_once :]
            try:
                await self._apply(part, decoded)
            except OUTAGE:
                self._at_once = max(1, min(self._at_once, len(part)) // 2)
                raise
            if len(part) == self._at_once:
                self._at_once = min(self._most, self._at_once + 1 + self._at_once // 8)

    async def _apply(self, records: Sequence[Record], decoded: Decoded) -> None:
        """In one transaction; what the handler cannot take is halved until the bad record stands alone."""
        runs = self._expected.fresh(records)
        if not runs or self.stopped:
            return
        try:
            await self._commit(runs, decoded)
        except Exception as error:
            if is_of_the_world(error):
                raise
            fresh = [record for run in runs for record in run.records]
            if len(fresh) == 1:
                await self._commit(runs, {id(fresh[0]): Fault(fresh[0], "refused", in_a_line(error))})
                return
            half = len(fresh) // 2
            await self._apply(fresh[:half], decoded)
            await self._apply(fresh[half:], decoded)

    async def _commit(self, runs: Sequence[Run], decoded: Decoded) -> None:
        """One transaction: positions, what the handlers do, dead letters. All of it or nothing."""
        batches, faults = told_apart(runs, decoded)
        async with self._pool.acquire() as tx, tx.transaction():
            await position.advance(tx, [run.move for run in runs])
            # In the order of the subscriptions: two processes lock their rows in one order.
            for topic in (name for name in self._handlers if name in batches):
                self._tell_under_way()
                await self._handlers[topic](tx, batches[topic])
                faults += batches[topic].faults
            if faults:
                bad = await self._judge(tx, faults)
                await self._check_flood(tx, runs, bad)
                await self._dead_letters.write(tx, bad)
        self._expected.committed(runs)
        self._count(runs, faults)

    def _tell_under_way(self) -> None:
        """Once this turn of the loop ends: the handler waits for the database then, and others may have theirs."""
        if (under_way := self.under_way) is not None:
            asyncio.get_running_loop().call_soon(_done, under_way)

    async def _judge(self, tx: Connection, faults: Sequence[Fault]) -> list[BadRecord]:
        """What becomes of each; those that a person let pass do not count."""
        bad: list[BadRecord] = []
        by_topic: dict[str, list[Fault]] = defaultdict(list)
        for fault in faults:
            by_topic[self._partition(fault.record)[0]].append(fault)
        for topic, of_topic in by_topic.items():
            if topic in self._outsiders:
                bad += await set_aside.judge(tx, topic, of_topic, self._tuning)
            else:
                bad += [bad_record(fault) for fault in of_topic]
        return [replace(each, counts=False) if self._has_passed(each.fault.record) else each for each in bad]

    def _has_passed(self, record: Record) -> bool:
        return bool(record.offset < self.passed.get(self._partition(record), 0))

    async def _check_flood(self, tx: Connection, runs: Sequence[Run], bad: Sequence[BadRecord]) -> None:
        """Raises Flood, with what a person has to look at."""
        for run in runs:
            counting = [b.fault for b in bad if b.counts and self._partition(b.fault.record) == run.partition]
            if not counting:
                continue
            earlier = await flood.earlier(tx, run, self.passed.get(run.partition, 0))
            try:
                flood.check(run, {fault.record.offset for fault in counting}, earlier)
            except Flood as verdict:
                raise flood.told(verdict, counting) from None

    def _count(self, runs: Sequence[Run], faults: Sequence[Fault]) -> None:
        for run in runs:
            self._metrics.applied.labels(run.topic).inc(len(run.records))
        last: dict[tuple[Partition, str], int] = {}
        counted: Counter[tuple[Partition, str]] = Counter()
        for fault in faults:
            kind = (self._partition(fault.record), fault.reason)
            last[kind] = fault.record.offset
            counted[kind] += 1
        for ((topic, partition), reason), number in counted.items():
            self._metrics.dead.labels(topic, reason).inc(number)
            up_to = last[(topic, partition), reason]
            logger.warning("dead letters: %s/%s up to %s: %s of %s", topic, partition, up_to, number, reason)

    def _partition(self, record: Record) -> Partition:
        return record.topic.removeprefix(self._prefix), record.partition


def told_apart(runs: Sequence[Run], decoded: Decoded) -> tuple[dict[str, Batch[Any]], list[Fault]]:
    """The events of each topic, and the faults."""
    received: dict[str, list[Received[Any]]] = defaultdict(list)
    faults: list[Fault] = []
    for run in runs:
        of_topic = received[run.topic]
        for record in run.records:
            each = decoded[id(record)]
            if isinstance(each, Fault):
                faults.append(each)
            else:
                of_topic.append(each)
    return {topic: Batch(events) for topic, events in received.items() if events}, faults


def _done(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
