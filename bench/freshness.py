"""How long it takes from an event sent to its figure in the API, at 50 events a second.

    python -m bench.freshness [--rate 50] [--seconds 30]

Each event is one more person. A reader asks GET /coverage again and again; the first answer that counts a person ends
that person's wait. So the time of an answer, and on average half of the pause between two, is in the figure.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from aiokafka import AIOKafkaProducer
from cryptography.fernet import Fernet
from pydantic import SecretStr

from bench import backlog, machine
from contracts.envelope import encode
from contracts.topics import CATALOGUE, RECORDINGS
from exactly_once import KafkaSettings
from exactly_once.provision import provision
from stack import LocalStack
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
            message = encode(backlog.event(number, 1, SCHOOLS), "bench")
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
    with tempfile.TemporaryDirectory() as home, LocalStack(Path(home), services=False) as stack:
        key = Fernet.generate_key().decode()
        settings = KafkaSettings(kafka_bootstrap_servers=stack.bootstrap_servers, dead_letter_key=SecretStr(key))
        await provision(settings, CATALOGUE)
        database = stack.postgres.create_service_database("reporting")
        port = free_port()
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
            "REPORTING_DATABASE_URL": database.url,
            "REPORTING_MIGRATION_DATABASE_URL": database.owner_url,
            "REPORTING_DEAD_LETTER_KEY": key,
            "REPORTING_HTTP_PORT": str(port),
            "REPORTING_LOG_LEVEL": "warning",
        }
        subprocess.run([sys.executable, "-m", "reporting", "migrate"], env=environment, check=True)
        await backlog.produce(stack.bootstrap_servers, backlog.setting(SCHOOLS))
        service = subprocess.Popen([sys.executable, "-m", "reporting", "serve"], env=environment)
        try:
            url = f"http://127.0.0.1:{port}"
            await until_ready(url)
            count = rate * seconds
            sent: dict[int, float] = {}
            waits: list[float] = []
            begun = time.monotonic()
            _, asked = await asyncio.gather(
                send(stack.bootstrap_servers, rate, count, sent), read(url, count, sent, waits)
            )
            took = time.monotonic() - begun
        finally:
            service.terminate()
            service.wait()
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
