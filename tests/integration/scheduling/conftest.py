"""A running scheduling service on a database of its own, and what enrollment would tell it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import asyncpg
import httpx
import pytest
from aiokafka import ConsumerRecord
from cryptography.fernet import Fernet

from chassis.migrate import migrate
from chassis.run import App
from contracts.envelope import Event, encode
from contracts.schools import CampaignOpened, SchoolListed
from contracts.topics import TOPIC_OF
from exactly_once import Batch, Received
from scheduling.app import MIGRATIONS, build
from scheduling.consume import on_schools
from scheduling.settings import Settings
from stack.postgres import Database
from tests.support import vouch

KNOWN_AT: Final = "2024-11-01T09:00:00+07:00"
REPLAYED: Final = "ujian-2024"
LIVE: Final = "langsung-2024"
NPSN: Final = tuple(f"9000000{number}" for number in range(1, 7))


def opened(campaign: str = REPLAYED, **changes: Any) -> CampaignOpened:
    return CampaignOpened.model_validate(
        {
            "campaign": campaign,
            "revision": 1,
            "known_at": KNOWN_AT,
            "name": "Ujian",
            "region_code": "35.73",
            "zone": "Asia/Jakarta",
            "opens_on": "2024-09-19",
            "voting_day": "2024-11-27" if campaign == REPLAYED else "2099-11-27",
            "clock": "live" if campaign == LIVE else "replay",
            "kinds": ["school_visit", "mpp"],
            **changes,
        }
    )


def listed(npsn: str, campaign: str = REPLAYED, **changes: Any) -> SchoolListed:
    return SchoolListed.model_validate(
        {
            "campaign": campaign,
            "revision": 1,
            "known_at": KNOWN_AT,
            "npsn": npsn,
            "name": f"SMK Contoh {npsn[-1]}",
            "school_kind": "SMK",
            "ownership": "public",
            "kecamatan": "Klojen",
            "invented": True,
            **changes,
        }
    )


def received(event: Event, offset: int = 0) -> Received[Any]:
    message = encode(event, "enrollment")
    record = ConsumerRecord(
        topic=TOPIC_OF[type(event)].name, partition=0, offset=offset, timestamp=0, timestamp_type=1, key=message.key,
        value=message.value, checksum=None, serialized_key_size=0, serialized_value_size=0, headers=message.headers,
    )  # fmt: skip
    return Received(event, record)


@dataclass
class Scheduling:
    """The service: its parts, a client of its HTTP, and a connection to its database beside it."""

    app: App
    http: httpx.AsyncClient
    tx: asyncpg.Connection

    async def hear(self, *events: Event) -> list[str]:
        """Lets the service hear these over `schools`, in one batch; answers the reasons of its dead letters."""
        batch = Batch([received(event, offset) for offset, event in enumerate(events)])
        async with self.app.pools[0].acquire() as connection, connection.transaction():
            await on_schools(connection, batch)
        return [fault.reason for fault in batch.faults]

    async def ask(self, method: str, path: str, body: Any = None, campaign: str = REPLAYED, **headers: str) -> Any:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, f"/v1/campaigns/{campaign}{path}", json=body, headers=said)

    async def put_sets(self, *ids: str, campaign: str = REPLAYED) -> None:
        for one in ids:
            body = {} if campaign == LIVE else {"known_at": KNOWN_AT}
            answer = await self.ask("PUT", f"/sets/{one}", body, campaign)
            assert answer.status_code == 201, answer.text

    async def schedule(self, **changes: Any) -> Any:
        return await self.ask("POST", "/visits", visit(**changes))

    async def scheduled(self, **changes: Any) -> Any:
        answer = await self.schedule(**changes)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def outbox(self) -> list[asyncpg.Record]:
        return list(await self.tx.fetch("SELECT topic, key, value, headers FROM exactly_once.outbox ORDER BY id"))


def visit(**changes: Any) -> dict[str, Any]:
    """What a command says; None leaves something out."""
    said = {
        "known_at": KNOWN_AT,
        "kind": "school_visit",
        "groups": [f"npsn:{NPSN[0]}"],
        "place": "SMK Contoh 1",
        "day": "2024-11-12",
        "sets": ["set-1"],
        **changes,
    }
    return {name: value for name, value in said.items() if value is not None}


def parts(database: Database, **changes: Any) -> App:
    settings = {
        "database_url": database.url,
        "migration_database_url": database.owner_url,
        "http_port": 0,
        "kafka_bootstrap_servers": "127.0.0.1:1",
        "dead_letter_key": Fernet.generate_key().decode(),
        **changes,
    }
    return vouch(build(Settings.model_validate(settings)))


@pytest.fixture
async def empty(database: Database) -> AsyncIterator[Scheduling]:
    """The service before it has heard of anything."""
    await migrate(database.owner_url, MIGRATIONS)
    beside = await asyncpg.connect(database.url)
    app = parts(database)
    async with app, httpx.AsyncClient(transport=httpx.ASGITransport(app.http), base_url="http://scheduling") as http:
        yield Scheduling(app, http, beside)
    await beside.close()


@pytest.fixture
async def scheduling(empty: Scheduling) -> Scheduling:
    """The service with a replayed campaign of six schools and three sets."""
    assert await empty.hear(opened(), *(listed(npsn) for npsn in NPSN)) == []
    await empty.put_sets("set-1", "set-2", "set-3")
    return empty


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def day(text: str) -> date:
    return date.fromisoformat(text)
