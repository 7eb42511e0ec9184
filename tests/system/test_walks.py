"""The walks of docs/how-it-flows.md, taken: which files a submission, a decision, a question and a page enter."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import re
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
# What looks after a process now and then, whether records come or not: on no walk, whenever it wakes.
WATCHING = {
    "packages/chassis/probes.py",
    "packages/contracts/progress.py",
    "services/reporting/projection/progress.py",
    *(
        f"packages/exactly_once/{name}.py"
        for name in (
            "dead_letters",
            "flood",
            "guard",
            "log",
            "own_topics",
            "preflight",
            "provision",
            "set_aside",
            "stall",
        )
    ),
}


def listed() -> dict[str, set[str]]:
    """The files that docs/how-it-flows.md has for each walk: a heading with their numbers, then a folder a line."""
    page = (ROOT / "docs/how-it-flows.md").read_text()
    walks, told = {}, {}
    for name, count, own, block in re.findall(
        r"^### ([^:\n]+): (\d+) files, (\d+) of its own\n\n```\n(.*?)```", page, re.DOTALL | re.MULTILINE
    ):
        lines = (line.split(maxsplit=1) for line in block.splitlines())
        walks[name] = {f"{folder}{file}" for folder, files in lines for file in files.split()}
        told[name] = (int(count), int(own))
    walked = collections.Counter(file for files in walks.values() for file in files)
    assert told == {name: (len(files), sum(walked[file] == 1 for file in files)) for name, files in walks.items()}
    return walks


def as_listed(files: set[str]) -> str:
    """The block of docs/how-it-flows.md for these files."""
    folders: dict[str, list[str]] = {}
    for file in sorted(files):
        folder, _, name = file.rpartition("/")
        folders.setdefault(folder + "/", []).append(name)
    return "".join(f"{folder:44}{' '.join(names)}\n" for folder, names in folders.items())


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


async def test_the_docs_list_the_files_of_every_walk(stack: Servers, topic_prefix: str, tmp_path: Path) -> None:
    walks: dict[str, set[str]] = {}
    with stack.postgres.fresh_database("enrollment") as first, stack.postgres.fresh_database("reporting") as second:
        async with (
            service("enrollment", first, stack.bootstrap_servers, topic_prefix) as enrollment,
            service("reporting", second, stack.bootstrap_servers, topic_prefix) as reporting,
            client(enrollment) as office,
            client(reporting) as readers,
        ):

            async def recorded(persons: int) -> bool:
                async with reporting.pool.acquire() as tx:
                    opened = await tx.fetchval("SELECT count(*) FROM campaign_revision")
                    return bool(opened) and persons == await tx.fetchval("SELECT count(*) FROM recording_current")

            (await office.put(CAMPAIGN, json=OPENED)).raise_for_status()
            (await office.put(CAMPAIGN + "/schools/20599901", json=SCHOOL)).raise_for_status()
            with walking() as walks["One target decision"]:
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
                with walking() as walks["One submission"]:
                    counter.record(PERSON)
                    await counter.send()
                    await until(lambda: recorded(1))
            with walking() as walks["One question"]:
                (await readers.get(CAMPAIGN + "/coverage", params=ASKED)).raise_for_status()
            with walking() as walks["One page"]:
                (await readers.get("/campaigns/kota-contoh")).raise_for_status()
    walks = {name: files - WATCHING for name, files in walks.items()}
    for name, files in walks.items():
        print(f"\n### {name}: {len(files)} files\n\n```\n{as_listed(files)}```")
    assert walks == listed()
