"""The walks of docs/how-it-flows.md, taken: which files a submission, a decision and a question enter, and how many."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest

from counter import Counter, KafkaTransport, Recording
from tests.contract.services import Service, service
from tests.servers import Servers
from tests.support import until
from tests.walk import ROOT, walking

pytestmark = pytest.mark.system

CAMPAIGN = "/v1/campaigns/kota-contoh"
OPENED = {
    "name": "Kota Contoh", "region_code": "35.73", "zone": "Asia/Jakarta", "opens_on": "2024-09-19",
    "voting_day": "2024-11-27", "clock": "replay",
}  # fmt: skip
SCHOOL = {"name": "SMA Contoh", "school_kind": "SMA", "ownership": "public", "kecamatan": "Klojen"}
TARGET = {"scope": "campaign", "value": 2, "effective_from": "2024-09-19", "split": "stated", "reason": "a test"}
PERSON = Recording(
    nik="3573990101070001", birth_date=date(2007, 1, 1), group="npsn:20599901",
    recorded_at=datetime(2024, 11, 1, 9, tzinfo=UTC), replayed_at=datetime(2024, 11, 1, 10, tzinfo=UTC),
)  # fmt: skip
ASKED = {"as_of": "2024-11-08", "known_at": "2024-11-08T23:59:59+07:00"}
# What looks after a process now and then, whether records come or not, is not on the way.
WATCHING = ("probes.py", "preflight.py", "provision.py", "guard.py", "stall.py", "log.py", "own_topics.py")
AT_MOST = {"one submission": 76, "one target decision": 18, "one question": 14}


@contextlib.asynccontextmanager
async def client(built: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of its HTTP application, in this process."""
    transport = httpx.ASGITransport(built.app.http)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
        yield http


@contextlib.asynccontextmanager
async def running(*built: Service) -> AsyncIterator[None]:
    """Their consumers and relays, in this process."""
    roles = [part for each in built for part in each.app.of(["worker", "relay"])]
    parts = [part for part in roles if part.name in ("consumer", "relay", "own topics")]
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        await until(lambda: asyncio.sleep(0, not any(part.problems() for part in parts)))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_walks_are_as_short_as_the_docs_say(stack: Servers, topic_prefix: str, tmp_path: Path) -> None:
    walks: dict[str, list[str]] = {}
    with stack.postgres.fresh_database("enrollment") as first, stack.postgres.fresh_database("reporting") as second:
        async with (
            service("enrollment", first, stack.bootstrap_servers, topic_prefix) as enrollment,
            service("reporting", second, stack.bootstrap_servers, topic_prefix) as reporting,
            client(enrollment) as office,
            client(reporting) as readers,
        ):

            async def recorded(persons: int) -> bool:
                page = await readers.get("/campaigns/kota-contoh")
                return f'data-recorded="{persons}"' in page.text

            (await office.put(CAMPAIGN, json=OPENED)).raise_for_status()
            (await office.put(CAMPAIGN + "/schools/20599901", json=SCHOOL)).raise_for_status()
            with walking() as walks["one target decision"]:
                (await office.post(CAMPAIGN + "/targets", json=TARGET)).raise_for_status()
            async with contextlib.AsyncExitStack() as parts:
                await parts.enter_async_context(running(enrollment, reporting))
                transport = KafkaTransport(stack.bootstrap_servers, topic_prefix=topic_prefix)
                parts.push_async_callback(transport.close)
                counter = await Counter.init(
                    tmp_path / "loket", campaign="kota-contoh", enrollment="http://service", kind="office",
                    place="Loket 1", transport=transport, http=office,
                )  # fmt: skip
                await until(lambda: recorded(0))
                with walking() as walks["one submission"]:
                    counter.record(PERSON)
                    await counter.send()
                    await until(lambda: recorded(1))
            with walking() as walks["one question"]:
                (await readers.get(CAMPAIGN + "/coverage", params=ASKED)).raise_for_status()
    page = (ROOT / "docs/how-it-flows.md").read_text()
    lengths = {}
    for name, entered in walks.items():
        files = [file for file in entered if Path(file).name not in WATCHING]
        print(f"\n{name}: {len(files)} files\n  " + "\n  ".join(files))
        lengths[name] = len(files)
        assert f"| {name} | {AT_MOST[name]} |" in page
    assert {name: n for name, n in lengths.items() if n > AT_MOST[name]} == {}
