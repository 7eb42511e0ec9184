"""How much the running reporting consumer costs per event on a backlog, with everything on that is on in production.

    python -m bench.reporting [--events 500000]

In the same run, as yardsticks of a shared machine's hour: a plain aiokafka `getmany` of the same backlog, a lean
exactly-once consumer (bench/lean.py), and a fixed spin. Exits 1 when the service costs more CPU than so many times the
plain reader, or is slower than that part of its rate; when figures are not those of a plain fold, or memory grew.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from itertools import islice

import asyncpg
import psutil

from bench import backlog, lean, machine, service
from contracts.topics import RECORDINGS
from exactly_once import Pool
from stack import LocalStack
from stack.postgres import Database

MOST_CPU = 4.5  # times that of plain getmany: service and PostgreSQL together
LEAST_RATE = 0.35  # of that of plain getmany, in one process
LOOK_EVERY = 0.25


async def applied(pool: Pool) -> int:
    """How many records of the backlog are in the database."""
    done: int = await pool.fetchval(
        "SELECT coalesce(sum(next_offset), 0)::bigint FROM exactly_once.position WHERE topic = 'recordings'"
    )
    return done


@dataclass(frozen=True)
class Measured:
    """What a consumer took: events a second, µs of CPU an event by part, and its memory over time (MiB)."""

    rate: float
    cost: dict[str, float]
    memory: list[float]

    @property
    def cpu(self) -> float:
        """Of the consumer and PostgreSQL, µs an event."""
        return self.cost["consumer"] + self.cost["PostgreSQL"]

    def beside(self, plain: "Plain") -> str:
        """As multiples of the plain reader."""
        return f"{self.cpu / plain.cpu:.1f} times its CPU, {self.rate / plain.rate:.2f} of its rate"


async def consume(
    title: str,
    stack: LocalStack,
    database: Database,
    events: int,
    run: AbstractContextManager[subprocess.Popen[bytes]],
    applied: Callable[[Pool], Awaitable[int]],
) -> Measured:
    """Runs a consumer until the backlog is applied; prints what it took."""
    async with asyncpg.create_pool(database.owner_url, min_size=1, max_size=1) as pool:
        with run as consumer:
            parts = {
                "consumer": machine.Usage(consumer.pid),
                "PostgreSQL": machine.Usage(stack.postgres.pid),
                "broker": machine.Usage(stack.kafka.pid),
            }
            while await applied(pool) == 0:
                await asyncio.sleep(0.01)
            before = {name: part.since() for name, part in parts.items()}
            first = await applied(pool)
            begun = time.monotonic()
            memory: list[float] = []
            while (done := await applied(pool)) < events:
                if consumer.poll() is not None:
                    raise SystemExit(f"the consumer ended with {consumer.returncode}")
                memory.append(parts["consumer"].resident())
                for part in parts.values():
                    part.cpu()
                await asyncio.sleep(LOOK_EVERY)
            took = time.monotonic() - begun
            counted = done - first
            cost = {name: (part.since() - before[name]) / counted * 1e6 for name, part in parts.items()}
    measured = Measured(counted / took, cost, memory)
    print(f"\n{title:<20} {measured.rate:>10,.0f} events/s over {counted:,} events, one process")
    for name, micros in cost.items():
        print(f"  {name:<18} {micros:>10.1f} µs CPU per event")
    print(f"  together           {measured.cpu:>10.1f} µs, without the broker")
    return measured


PLAIN = """
import asyncio, sys, time
from aiokafka import AIOKafkaConsumer, TopicPartition
async def main(servers, count, partitions):
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition("recordings", number) for number in range(partitions)])
    begun, cpu, seen = time.monotonic(), time.process_time(), 0
    while seen < count:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=5000)).values():
            seen += len(records)
    print(seen / (time.monotonic() - begun), (time.process_time() - cpu) / seen * 1e6)
    await consumer.stop()
asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


@dataclass(frozen=True)
class Plain:
    """The bare client: events a second, and µs of CPU an event."""

    rate: float
    cpu: float


def plain(servers: str, events: int) -> Plain:
    """The yardstick: the same records read by the bare client, nothing done with them."""
    answer = subprocess.run(
        [sys.executable, "-c", PLAIN, servers, str(events), str(RECORDINGS.partitions)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    measured = Plain(float(answer[0]), float(answer[1]))
    print(f"plain getmany        {measured.rate:>10,.0f} events/s, {measured.cpu:.1f} µs CPU per event")
    return measured


async def right(database: Database) -> bool:
    """Whether every school's every day is what a plain fold says."""
    connection = await asyncpg.connect(database.url)
    try:
        rows = await connection.fetch(
            """
            SELECT "group", recorded_on, sum(n)::int AS n FROM reporting.coverage_day
             WHERE campaign = $1 GROUP BY 1, 2 HAVING sum(n) <> 0
            """,
            backlog.CAMPAIGN,
        )
    finally:
        await connection.close()
    counted: dict[tuple[str, date], int] = {(row["group"], row["recorded_on"]): row["n"] for row in rows}
    return counted == dict(backlog.truth())


async def bench(events: int) -> int:
    print(machine.describe())
    spun = [machine.spin()]
    async with service.prepared() as (stack, database):
        print(f"writing the backlog: {events:,} events, {backlog.PERSONS:,} persons, {backlog.SCHOOLS} schools")
        await backlog.produce(stack.bootstrap_servers, backlog.setting())
        await backlog.produce(stack.bootstrap_servers, islice(backlog.recordings(), events), "written")
        before = plain(stack.bootstrap_servers, events)
        spun.append(machine.spin())
        worker = service.running("worker", stack, database)
        ours = await consume("reporting consumer", stack, database, events, worker, applied)
        spun.append(machine.spin())
        await lean.prepare(database.owner_url)
        its = service.process(sys.executable, "-m", "bench.lean", stack.bootstrap_servers, database.owner_url)
        theirs = await consume("lean consumer", stack, database, events, its, lean.applied)
        after = plain(stack.bootstrap_servers, events)
        yardstick = Plain((before.rate + after.rate) / 2, (before.cpu + after.cpu) / 2)
        fast = ours.cpu <= MOST_CPU * yardstick.cpu and ours.rate >= LEAST_RATE * yardstick.rate
        print(f"\nlean to plain        {theirs.beside(yardstick)}")
        print(f"reporting to plain   {ours.beside(yardstick)}: {'as wanted' if fast else 'NOT AS WANTED'}")
        print(f"  wanted             at most {MOST_CPU} times, at least {LEAST_RATE}")
        print(f"spin                 {min(spun):.2f} to {max(spun):.2f} s CPU for a fixed piece of work")
        third = max(len(ours.memory) // 3, 1)
        early, late = max(ours.memory[third : 2 * third]), max(ours.memory[2 * third :])
        print(f"memory of service    {early:.0f} MiB in the middle third, {late:.0f} MiB in the last (most seen)")
        whole = events == backlog.PERSONS * backlog.REVISIONS
        exact = await right(database) if whole else True
        print(f"every school and day {('equal to a plain fold' if exact else 'WRONG') if whole else 'not compared'}")
        print(f"free memory          {psutil.virtual_memory().available / 2**30:.1f} GiB")
    return 0 if fast and exact and late <= early * 1.2 else 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=backlog.PERSONS * backlog.REVISIONS)
    sys.exit(asyncio.run(bench(parser.parse_args().events)))


if __name__ == "__main__":
    main()
