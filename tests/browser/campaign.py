"""A small campaign on the real stack: three schools, a target, a visit, and a counter that records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx

from counter import Counter, KafkaTransport, Recording
from stack import LocalStack
from tests.support import until

WIB: Final = timezone(timedelta(hours=7))
BORN: Final = date(2007, 1, 1)
SCHOOLS: Final = {
    "20599901": "SMAN Contoh 1",
    "20599902": "SMKN Contoh 2",
    "20599903": "Sekolah Menengah Kejuruan Swasta Teknologi Informatika dan Pariwisata Contoh Kedungkandang 3",
}
FIRST, SECOND, LONG_NAMED = (f"npsn:{npsn}" for npsn in SCHOOLS)


def at(day: int, hour: int = 8) -> datetime:
    """An instant of October 2024 in Malang."""
    return datetime(2024, 10, day, hour, tzinfo=WIB)


class Campaign:
    """Said to the services as the office, the coordinator and a counter say it."""

    def __init__(self, system: LocalStack, http: httpx.AsyncClient) -> None:
        self.slug = f"uji-{uuid4().hex[:12]}"
        self.page = f"/campaigns/{self.slug}"
        self._system, self._http = system, http
        self._persons = 0
        self._counter: Counter

    async def open(self) -> None:
        campaign = {
            "name": "Pilkada Kota Contoh 2024", "region_code": "35.73", "zone": "Asia/Jakarta",
            "opens_on": "2024-09-19", "voting_day": "2024-11-27", "clock": "replay", "kinds": ["mpp", "school_visit"],
        }  # fmt: skip
        await self.say("enrollment", "PUT", "", campaign)

    async def prepare(self, home: Path, transport: KafkaTransport) -> None:
        """The target is 10, of which the first school has 4 and the second, too low, 1."""
        schools = [
            {"npsn": npsn, "name": name, "school_kind": name[:3].upper().replace("SEK", "SMK"), "ownership": "public",
             "kecamatan": "Kedungkandang", "invented": True}
            for npsn, name in SCHOOLS.items()
        ]  # fmt: skip
        await self.say("enrollment", "POST", "/schools:batch", {"schools": schools})
        for scope, value in {"campaign": 10, FIRST: 4, SECOND: 1}.items():
            target = {
                "scope": scope,
                "value": value,
                "effective_from": "2024-09-19",
                "split": "stated",
                "reason": "uji",
            }
            await self.say("enrollment", "POST", "/targets", target)
        await self.say("scheduling", "PUT", "/sets/set-1", {})
        visit = {"kind": "school_visit", "groups": [FIRST], "place": "Aula SMAN Contoh 1", "day": "2024-10-20",
                 "sets": ["set-1"]}  # fmt: skip
        await self.say("scheduling", "POST", "/visits", visit)
        self._counter = await Counter.init(
            home, campaign=self.slug, enrollment=self._system.urls["enrollment"], kind="mpp", place="MPP Uji",
            transport=transport, http=self._http,
        )  # fmt: skip

    def close(self) -> None:
        self._counter.close()

    async def record(self, group: str, *, day: int, known: int | None = None) -> None:
        """Records one more person; `known`: the day on which the counter, late, sends it."""
        self._persons += 1
        nik = f"357399{BORN:%d%m%y}{self._persons:04d}"
        recorded_at = at(day)
        sent_at = at(known or day, 12)
        self._counter.record(
            Recording(nik=nik, birth_date=BORN, group=group, recorded_at=recorded_at, replayed_at=sent_at)
        )
        summary = await self._counter.send()
        assert summary.complete, summary

    async def applied(self) -> None:
        """Waits until reporting says that many are recorded."""

        async def all_of_them() -> bool:
            answer = await self._http.get(f"{self._system.urls['reporting']}/v1/campaigns/{self.slug}/coverage")
            return answer.status_code == 200 and answer.json()["total"]["recorded"] == self._persons

        await until(all_of_them)

    async def say(self, service: str, method: str, path: str, body: dict[str, Any]) -> None:
        """Again while what it needs is still on its way to that service."""
        url = f"{self._system.urls[service]}/v1/campaigns/{self.slug}{path}"
        said = body | {"known_at": at(1).isoformat()}

        async def taken() -> bool:
            answer = await self._http.request(method, url, json=said)
            assert answer.is_success or answer.status_code in (404, 409, 422), answer.text
            return answer.is_success

        await until(taken)


@asynccontextmanager
async def campaign_on(system: LocalStack, home: Path) -> AsyncIterator[Campaign]:
    """With four persons: on the 1st one and on the 2nd two in time, on the 2nd one who is known on the 5th."""
    transport = KafkaTransport(system.bootstrap_servers)
    try:
        async with httpx.AsyncClient(timeout=30, headers=system.bearer()) as http:
            campaign = Campaign(system, http)
            await campaign.open()
            await campaign.prepare(home, transport)
            await campaign.record(FIRST, day=1)
            await campaign.record(SECOND, day=2)
            await campaign.record(SECOND, day=2)
            await campaign.record(FIRST, day=2, known=5)
            await campaign.applied()
            yield campaign
            campaign.close()
    finally:
        await transport.close()
