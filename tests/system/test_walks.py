"""The walks of docs/how-it-flows.md, taken: which files a submission, a decision and a question enter, and how many."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx

from counter import Counter, KafkaTransport, Recording
from stack import LocalStack
from tests.contract.services import Service, service
from tests.support import until
from tests.walk import walking

CAMPAIGN = "/v1/campaigns/kota-contoh"
OPENED = {
    "name": "Kota Contoh", "region_code": "35.73", "zone": "Asia/Jakarta", "opens_on": "2024-09-19",
    "voting_day": "2024-11-27", "clock": "replay",
}  # fmt: skip
SCHOOL = {"name": "SMA Contoh", "school_kind": "SMA", "ownership": "public", "kecamatan": "Klojen"}
TARGET = {"scope": "campaign", "value": 2, "effective_from": "2024-09-19", "split": "stated", "reason": "a test"}
WATCHING = ("probes.py", "preflight.py", "provision.py", "guard.py", "stall.py", "log.py", "own_topics.py")
GOALS = {"one submission": 40, "one target decision": 12, "one question": 8}


@contextlib.asynccontextmanager
async def running(built: Service, *roles: str) -> AsyncIterator[httpx.AsyncClient]:
    """Its consumer and relay, and a client of its HTTP application, all in this process."""
    parts = [part for part in built.app.of(list(roles)) if part.name in ("consumer", "relay", "own topics")]  # type: ignore[arg-type]
    tasks = [asyncio.create_task(part.run()) for part in parts]
    transport = httpx.ASGITransport(built.app.http)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
        try:
            await until(lambda: asyncio.sleep(0, not any(part.problems() for part in parts)))
            yield http
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def put(http: httpx.AsyncClient, path: str, body: dict[str, object]) -> None:
    (await http.put(CAMPAIGN + path, json=body)).raise_for_status()


async def test_the_walks_are_as_short_as_the_docs_say(stack: LocalStack, topic_prefix: str, tmp_path: Path) -> None:
    walks: dict[str, list[str]] = {}
    with stack.postgres.fresh_database("enrollment") as first, stack.postgres.fresh_database("reporting") as second:
        async with (
            service("enrollment", first, stack.bootstrap_servers, topic_prefix) as enrollment,
            service("reporting", second, stack.bootstrap_servers, topic_prefix) as reporting,
            running(enrollment, "worker", "relay") as office,
            running(reporting, "worker") as readers,
        ):

            async def page() -> bool:
                answer = await readers.get("/campaigns/kota-contoh")
                return 'data-recorded="1"' in answer.text

            await put(office, "", OPENED)
            await put(office, "/schools/20599901", SCHOOL)
            (await office.post(CAMPAIGN + "/targets", json=TARGET)).raise_for_status()
            counter = await Counter.init(
                tmp_path / "loket", campaign="kota-contoh", enrollment="http://service", kind="office", place="Loket 1",
                transport=KafkaTransport(stack.bootstrap_servers, topic_prefix=topic_prefix), http=office,
            )  # fmt: skip
            await until(lambda: readers.get("/campaigns/kota-contoh"))
            await until(lambda: asyncio.sleep(0, not counter.status().sent))
            person = Recording(
                nik="3573990101070001", birth_date=datetime(2007, 1, 1).date(), group="npsn:20599901",  # noqa: DTZ001
                recorded_at=datetime(2024, 11, 1, 9, tzinfo=UTC), replayed_at=datetime(2024, 11, 1, 10, tzinfo=UTC),
            )  # fmt: skip
            with walking() as walks["one submission"]:
                counter.record(person)
                await counter.send()
                await until(page)
            with walking() as walks["one target decision"]:
                (await office.post(CAMPAIGN + "/targets", json={**TARGET, "value": 3})).raise_for_status()
            asked = {"as_of": "2024-11-08", "known_at": "2024-11-08T23:59:59+07:00"}
            with walking() as walks["one question"]:
                (await readers.get(CAMPAIGN + "/coverage", params=asked)).raise_for_status()
    for name, files in walks.items():
        walks[name] = [file for file in files if Path(file).name not in WATCHING]
        print(f"\n{name}: {len(walks[name])}\n  " + "\n  ".join(walks[name]))
    assert {name: len(files) for name, files in walks.items() if len(files) > GOALS[name]} == {}
