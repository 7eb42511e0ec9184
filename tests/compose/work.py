"""Work that goes on while containers come and go: a counter that records and sends, a coordinator who plans visits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx

from counter import Counter, KafkaTransport, Recording
from tests.compose.project import Project
from tests.support import until

PATIENCE: Final = 180.0  # seconds
AT_A_TIME: Final = 5
BORN: Final = date(1990, 1, 17)


def nik(serial: int) -> str:
    """An invented NIK: nobody living can hold it."""
    return f"357399{BORN:%d%m%y}{serial:04d}"


class Work:
    """One campaign. `recorded` and `planned` are what was promised: stored at the counter, answered by scheduling."""

    def __init__(self, project: Project, http: httpx.AsyncClient, transport: KafkaTransport) -> None:
        self._project, self._http, self._transport = project, http, transport
        self.campaign = f"uji-{uuid4().hex[:12]}"
        self.recorded = 0
        self.planned: set[str] = set()
        self._days = 0
        self._counter: Counter

    async def open(self, home: Path) -> None:
        """Opens the campaign, and sets up what is needed to work in it."""
        today = datetime.now(UTC).date()
        days = {"opens_on": str(today - timedelta(days=30)), "voting_day": str(today + timedelta(days=3650))}
        campaign = {"name": "Uji", "region_code": "35.73", "zone": "Asia/Jakarta", **days, "kinds": ["mpp"]}
        await self._command("enrollment", "PUT", "", campaign)
        await self._command("scheduling", "PUT", "/sets/set-1", {})
        self._counter = await Counter.init(
            home, campaign=self.campaign, enrollment=self._project.url("enrollment"), kind="mpp", place="MPP Uji",
            transport=self._transport, http=self._http,
        )  # fmt: skip

    def record(self, persons: int = AT_A_TIME) -> None:
        """Stores recordings of that many persons: from here on none may be lost."""
        now = datetime.now(UTC)
        numbers = range(self.recorded + 1, self.recorded + persons + 1)
        self._counter.record_many([Recording(nik=nik(n), birth_date=BORN, recorded_at=now) for n in numbers])
        self.recorded += persons

    async def send(self) -> None:
        """Sends what is stored, for as long as it takes."""
        summary = await self._counter.send(deadline=PATIENCE)
        assert summary.complete, summary

    async def plan(self) -> None:
        """Plans a visit, for as long as it takes; said again after no answer, it is the same command."""
        self._days += 1
        day = str(datetime.now(UTC).date() + timedelta(days=self._days))
        visit = {"kind": "mpp", "place": "MPP Uji", "day": day, "sets": ["set-1"]}
        self.planned.add((await self._command("scheduling", "POST", "/visits", visit))["visit_id"])

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Records, sends and plans, over and over, until the block is left; then once more to the end."""
        enough = asyncio.Event()

        async def over_and_over(step: Callable[[], Awaitable[None]]) -> None:
            while not enough.is_set():
                await step()
                await asyncio.sleep(0.1)  # people come one after the other

        async def record() -> None:
            self.record()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(over_and_over(record))
            tasks.create_task(over_and_over(self.send))
            tasks.create_task(over_and_over(self.plan))
            try:
                yield
            finally:
                enough.set()
        await self.send()

    async def is_all_shown(self) -> None:
        """Waits until all is decided, and applied by reporting: then what was promised is there, each exactly once."""
        await until(self._decided, PATIENCE)
        now = datetime.now(UTC)
        assert self._counter.status().outcomes == {"counted": self.recorded}
        answer = await until(lambda: self._complete(now), PATIENCE)
        assert answer["total"]["recorded"] == self.recorded
        visits = (await self._ask("/visits") or {})["visits"]
        assert sorted(visit["visit_id"] for visit in visits) == sorted(self.planned)

    async def _decided(self) -> bool:
        await self._counter.refresh_decisions()
        return not self._counter.status().sent

    async def _complete(self, moment: datetime) -> dict[str, Any] | None:
        answer = await self._ask("/coverage?as_of=2099-12-31&by=kind")
        through = answer and answer["complete_through"]
        return answer if through and datetime.fromisoformat(through) > moment else None

    def close(self) -> None:
        self._counter.close()

    async def _ask(self, path: str) -> dict[str, Any] | None:
        try:
            answer = await self._http.get(f"{self._project.url('reporting')}/v1/campaigns/{self.campaign}{path}")
        except httpx.HTTPError:
            return None
        return answer.json() if answer.is_success else None

    async def _command(self, service: str, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A command, said until it is answered: waits for a service that is away or has not heard of the campaign."""
        url = f"{self._project.url(service)}/v1/campaigns/{self.campaign}{path}"
        key = {"Idempotency-Key": uuid4().hex}

        async def answered() -> httpx.Response | None:
            try:
                answer = await self._http.request(method, url, json=body, headers=key)
            except httpx.HTTPError:
                return None
            return None if answer.is_server_error or answer.status_code == httpx.codes.NOT_FOUND else answer

        answer = await until(answered, PATIENCE)
        assert answer.is_success, answer.text
        return answer.json()


@asynccontextmanager
async def working(project: Project, home: Path) -> AsyncIterator[Work]:
    """A campaign of a test's own with its counter."""
    transport = KafkaTransport(project.kafka)
    async with httpx.AsyncClient(timeout=10) as http:
        work = Work(project, http, transport)
        try:
            await work.open(home)
            yield work
            work.close()
        finally:
            await transport.close()
