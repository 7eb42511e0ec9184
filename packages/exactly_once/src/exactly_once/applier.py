"""Applies records: one batch, one transaction. A bad record becomes a dead letter and holds nobody else up."""

import logging
from collections.abc import Sequence
from typing import Any, Final

from exactly_once import flood, position
from exactly_once.dead_letters import DeadLetters, Subscription
from exactly_once.errors import OUTAGE, Flood, in_a_line, is_of_the_world
from exactly_once.expected import Expected, Run
from exactly_once.flood import FloodLimit
from exactly_once.metrics import Metrics
from exactly_once.position import Partition
from exactly_once.records import Batch, Fault, Pool, Received, Record, Undecodable, decoder

logger: Final = logging.getLogger(__name__)
MOST_AT_ONCE: Final = 5000  # records in a transaction


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
    ) -> None:
        """`prefix` is put before the topics' names."""
        self._pool = pool
        self._handlers = {each.topic.name: each.handler for each in subscriptions}
        self._decoders = {each.topic.name: decoder(each.topic) for each in subscriptions}
        self._expected = expected
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._prefix = prefix
        self._flood = FloodLimit()
        self._at_once = MOST_AT_ONCE
        self.stopped = False
        self.passed: dict[Partition, int] = {}  # up to where a person let bad records pass

    async def apply(self, records: Sequence[Record]) -> None:
        """Commits the records, in as many transactions as it takes to end each in time.

        What fails for reasons of the world is raised, and is smaller when it begins again: what is too much for the
        limits of time would fail for ever. It grows with what succeeds.
        """
        while records:
            part, records = records[: self._at_once], records[self._at_once :]
            try:
                await self._apply(part)
            except OUTAGE:
                self._at_once = max(1, min(self._at_once, len(part)) // 2)
                raise
            if len(part) == self._at_once:
                self._at_once = min(MOST_AT_ONCE, self._at_once + 1 + self._at_once // 8)

    async def _apply(self, records: Sequence[Record]) -> None:
        """In one transaction; what the handler cannot take is halved until the bad record stands alone."""
        runs = self._expected.fresh(records)
        if not runs or self.stopped:
            return
        try:
            await self._commit(runs)
        except Exception as error:
            if is_of_the_world(error):
                raise
            fresh = [record for run in runs for record in run.records]
            if len(fresh) == 1:
                await self._commit(runs, Fault(fresh[0], "refused", in_a_line(error)))
                return
            half = len(fresh) // 2
            await self._apply(fresh[:half])
            await self._apply(fresh[half:])

    async def _commit(self, runs: Sequence[Run], fault: Fault | None = None) -> None:
        """One transaction: positions, what the handlers do, dead letters. All of it or nothing."""
        batches, faults = self._decode(runs) if fault is None else ({}, [fault])
        count = sum(len(run.records) for run in runs)
        async with self._pool.acquire() as tx, tx.transaction():
            await position.advance(tx, [run.move for run in runs])
            # In the order of the subscriptions: two processes lock their rows in one order.
            for topic in (name for name in self._handlers if name in batches):
                await self._handlers[topic](tx, batches[topic])
                faults += batches[topic].faults
            bad = self._indexes(runs, faults)
            self._check_flood(bad, faults)
            if faults:
                await self._dead_letters.write(tx, faults)
        self._expected.committed(runs)
        self._flood.accept(count, bad)
        self._count(runs, faults)

    def _decode(self, runs: Sequence[Run]) -> tuple[dict[str, Batch[Any]], list[Fault]]:
        batches: dict[str, list[Received[Any]]] = {}
        faults: list[Fault] = []
        for run in runs:
            decode, received = self._decoders[run.topic], batches.setdefault(run.topic, [])
            for record in run.records:
                try:
                    received.append(Received(decode(record), record))
                except Undecodable as error:
                    faults.append(Fault(record, error.reason, error.detail))
        return {topic: Batch(received) for topic, received in batches.items() if received}, faults

    def _indexes(self, runs: Sequence[Run], faults: Sequence[Fault]) -> list[int]:
        """Where the bad records stand in the batch, those left out that a person let pass."""
        if not faults:
            return []
        records = (record for run in runs for record in run.records)
        at = {(record.topic, record.partition, record.offset): index for index, record in enumerate(records)}
        return sorted(
            {
                at[record.topic, record.partition, record.offset]
                for record in (fault.record for fault in faults)
                if record.offset >= self.passed.get(self._partition(record), 0)
            }
        )

    def _check_flood(self, bad: Sequence[int], faults: Sequence[Fault]) -> None:
        try:
            self._flood.check(bad)
        except Flood as flooded:
            raise Flood(
                f"{flooded}; in this batch {flood.where(faults, self._prefix)}. Look at them and mend the producer, "
                "then: dead-letters let-pass TOPIC PARTITION --until OFFSET --reason WHY"
            ) from None

    def _count(self, runs: Sequence[Run], faults: Sequence[Fault]) -> None:
        for run in runs:
            self._metrics.applied.labels(run.topic).inc(len(run.records))
        for fault in faults:
            topic, partition = self._partition(fault.record)
            self._metrics.dead.labels(topic, fault.reason).inc()
            logger.warning("dead letter: %s/%s at %s: %s", topic, partition, fault.record.offset, fault.reason)

    def _partition(self, record: Record) -> Partition:
        return record.topic.removeprefix(self._prefix), record.partition
