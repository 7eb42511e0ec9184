"""How long it takes from an event sent to its figure in the API, at 50 events a second.

    python -m bench.freshness [--rate 50] [--seconds 30]

Each event is one more person. A reader asks GET /coverage again and again; the first answer that counts a person ends
that person's wait. So the time of an answer, and on average half of the pause between two, is in the figure.
"""

import argparse
import asyncio
import statistics
import sys
import time

import httpx
from aiokafka import AIOKafkaProducer

from bench import backlog, machine, service
from contracts.envelope import encode
from contracts.topics import RECORDINGS
from stack.ports import free_port

MEDIAN_LIMIT_MS = 25.0
SCHOOLS = 51  # as many as the reference campaign has


async def send(servers: str, rate: int, count: int, sent: dict[int, float]) -> None:
    """Sends one event after the other, in step with the clock; `sent` says when each was handed to the client."""
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer:
        await producer.partitions_for(RECORDINGS.name)
        begun = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
            message = encode(backlog.revision_of(number, 1, SCHOOLS), "bench")
            sent[number] = time.monotonic()
            await producer.send(RECORDINGS.name, message.value, key=message.key, headers=message.headers)
        await producer.flush()


async def read(url: str, count: int, sent: dict[int, float], waits: list[float]) -> int:
    """Asks until everybody is counted. With n counted, the first n sent are visible, give or take their order."""
    asked = 0
    async with httpx.AsyncClient(base_url=url, timeout=10) as http:
        while len(waits) < count:
            answer = await http.get(f"/v1/campaigns/{backlog.CAMPAIGN}/coverage")
            now = time.monotonic()
            asked += 1
            counted = answer.raise_for_status().json()["total"]["recorded"]
            waits += [now - sent[number] for number in range(len(waits), counted)]
    return asked


async def until_ready(url: str) -> None:
    """Until the service knows the campaign."""
    async with httpx.AsyncClient() as http, asyncio.timeout(60):
        while True:
            try:
                if (await http.get(f"{url}/v1/campaigns/{backlog.CAMPAIGN}/coverage")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


async def bench(rate: int, seconds: int) -> int:
    print(machine.describe())
    spun = machine.spin()
    async with service.prepared() as (stack, database):
        await backlog.produce(stack.bootstrap_servers, backlog.setting(SCHOOLS))
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with service.running("serve", stack, database, port):
            await until_ready(url)
            count = rate * seconds
            sent: dict[int, float] = {}
            waits: list[float] = []
            begun = time.monotonic()
            _, asked = await asyncio.gather(
                send(stack.bootstrap_servers, rate, count, sent), read(url, count, sent, waits)
            )
            took = time.monotonic() - begun
    milliseconds = sorted(wait * 1000 for wait in waits)
    median, p99 = statistics.median(milliseconds), milliseconds[int(len(milliseconds) * 0.99)]
    print(f"\nfreshness at {rate} events/s, {count:,} events, one reporting process with API and consumer")
    figures = f"median {median:.1f} ms · p99 {p99:.1f} ms · most {milliseconds[-1]:.1f} ms"
    print(f"  from send to visible in the API   {figures}")
    print(f"  the reader asked every            {took / asked * 1000:.1f} ms")
    print(f"  spin                              {spun:.2f} s CPU for a fixed piece of work")
    print(f"  limit: median under {MEDIAN_LIMIT_MS:.0f} ms: {'met' if median < MEDIAN_LIMIT_MS else 'NOT MET'}")
    return 0 if median < MEDIAN_LIMIT_MS else 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rate", type=int, default=50, help="events a second")
    parser.add_argument("--seconds", type=int, default=30)
    arguments = parser.parse_args()
    sys.exit(asyncio.run(bench(arguments.rate, arguments.seconds)))


if __name__ == "__main__":
    main()
