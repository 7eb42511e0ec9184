"""An enrollment service to test with: its own database, its HTTP, its handler, and counters that submit to it."""

from __future__ import annotations

import itertools
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import asyncpg
import httpx
from aiokafka import ConsumerRecord
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from prometheus_client import CollectorRegistry

from chassis.run import App
from contracts.envelope import Event
from contracts.submissions import RecordingSubmitted, SessionClosed, sealing_info
from contracts.topics import CATALOGUE
from enrollment.consume import subscriptions
from enrollment.identity.keys import SealingKeys
from enrollment.identity.sealed_messages import SUITE, from_base64
from enrollment.identity.vault import Vault
from enrollment.settings import Settings
from exactly_once import Batch, Received
from tests.support import vouch

CAMPAIGN = "malang-2024"
WIB = ZoneInfo("Asia/Jakarta")
BY_TYPE = {model.type: model for topic in CATALOGUE for model in topic.types}
REPLAYED = {
    "name": "Pilkada Kota Malang 2024",
    "region_code": "35.73",
    "zone": "Asia/Jakarta",
    "opens_on": "2024-09-01",
    "voting_day": "2024-11-27",
    "clock": "replay",
    "known_at": "2024-08-01T08:00:00+07:00",
}
LIVE = {**REPLAYED, "clock": "live", "opens_on": "2024-01-01", "voting_day": "2030-11-27"}
del LIVE["known_at"]


def at(day: int, hour: int = 9, minute: int = 0, month: int = 10) -> datetime:
    """An instant of the campaign, by the clocks of Malang."""
    return datetime(2024, month, day, hour, minute, tzinfo=WIB)


FIRST = at(1)


def nik(serial: int, birth_date: str = "2007-05-17") -> str:
    """An invented NIK: nobody living can hold it."""
    year, month, day = birth_date.split("-")
    return f"357399{day}{month}{year[2:]}{serial:04d}"


URL = f"/v1/campaigns/{CAMPAIGN}"
SCHOOL = {
    "name": "SMK Contoh",
    "school_kind": "SMK",
    "ownership": "public",
    "kecamatan": "Lowokwaru",
    "latitude": -7.95,
    "longitude": 112.61,
    "invented": True,
}
STATEMENT = {
    "scope": "campaign",
    "population": "students",
    "measure": "remaining",
    "value": 4586,
    "as_of": "2024-09-19",
    "stated_on": "2024-09-19",
    "stated_by": "Dispendukcapil",
    "source": "press",
}
TARGET = {
    "scope": "campaign",
    "value": 5554,
    "effective_from": "2024-09-19",
    "counting_from": "2024-09-19",
    "split": "stated",
    "reason": "The office decided.",
}


def is_problem(answer: httpx.Response, status: int, kind: str, *pointers: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert answer.json()["type"] == f"/problems/{kind}"
    if pointers:
        assert [error["pointer"] for error in answer.json()["errors"]] == list(pointers)


@dataclass
class Counter:
    """A counter with its device key. Makes the exact bytes that it would send."""

    device_id: str
    kid: str
    public_key: X25519PublicKey
    campaign: str = CAMPAIGN
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    numbers: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    def submission(
        self,
        who: str = nik(1),
        recorded_at: datetime = FIRST,
        *,
        replayed_at: datetime | None = None,
        birth_date: str = "2007-05-17",
        married: bool = False,
        inside: bytes | None = None,
        info: bytes | None = None,
        signature: bytes | None = None,
        **changes: Any,
    ) -> Received[Any]:
        """A signed and sealed submission as the consumer hands it over."""
        submission_id = changes.pop("submission_id", None) or str(uuid4())
        identity = json.dumps({"nik": who, "birth_date": birth_date, "married": married}).encode()
        info = info or sealing_info(self.campaign, submission_id, self.device_id)
        box = SUITE.encrypt(inside if inside is not None else identity, self.public_key, info)
        event = RecordingSubmitted.model_validate(
            {
                "campaign": self.campaign,
                "submission_id": submission_id,
                "device_id": self.device_id,
                "device_seq": next(iter(self.numbers)),
                "kind": "mpp",
                "place": "MPP Merdeka",
                "recorded_at": recorded_at,
                "documents": {"family_card": True, "birth_certificate": True},
                "kid": self.kid,
                "sealed": urlsafe_b64encode(box).rstrip(b"=").decode(),
                **changes,
            }
        )
        return self.record(event, replayed_at, signature)

    def closing(
        self, session_id: str, submissions: int, replayed_at: datetime | None = None, closed_at: datetime | None = None
    ) -> Received[Any]:
        event = SessionClosed(
            campaign=self.campaign,
            device_id=self.device_id,
            device_seq=next(iter(self.numbers)),
            kind="mpp",
            place="MPP Merdeka",
            session_id=session_id,
            closed_at=closed_at or at(1, 16),
            submissions=submissions,
        )
        return self.record(event, replayed_at)

    def record(
        self, event: Event, replayed_at: datetime | None = None, signature: bytes | None = None, **more: Any
    ) -> Received[Any]:
        value = event.model_dump_json(exclude_none=True).encode()
        signature = signature if signature is not None else urlsafe_b64encode(self.key.sign(value)).rstrip(b"=")
        headers = [("ce_type", event.type.encode()), ("jb-signature", signature)]
        if replayed_at is not None:
            headers.append(("jb-replayed-at", replayed_at.isoformat().encode()))
        return received(event, value, headers, **more)


offsets = itertools.count()


def received(
    event: Any, value: bytes, headers: Sequence[tuple[str, bytes]], timestamp: datetime | None = None
) -> Received[Any]:
    """A record at the next place of the log."""
    appended = timestamp or datetime.now(UTC)
    record = ConsumerRecord(
        "recording-submissions", 0, next(offsets), int(appended.timestamp() * 1000), 1, event.key.encode(), value,
        None, len(event.key), len(value), tuple(headers),
    )  # fmt: skip
    return Received(event, record)


class World:
    """One enrollment service."""

    def __init__(
        self, app: App, http: httpx.AsyncClient, settings: Settings, owner: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        self.app, self.pool, self.http, self.settings, self.owner = app, app.pools[0], http, settings, owner
        vault = Vault(settings.master_key_bytes)
        self.registry = CollectorRegistry()
        self.intake = subscriptions(vault, SealingKeys(vault, self.pool), self.registry)[0].handler

    async def open(self, campaign: str = CAMPAIGN, **changes: Any) -> None:
        body = {**REPLAYED, **changes}
        if body["clock"] == "live":
            body = {**LIVE, **changes}
        answer = await self.http.put(f"/v1/campaigns/{campaign}", json=body)
        assert answer.status_code == 201, answer.text

    async def counter(self, device_id: str = "mpp-1", campaign: str = CAMPAIGN) -> Counter:
        """A counter that has fetched the key set and registered its device."""
        (key, *_) = (await self.http.get("/v1/keyset")).json()["keys"]
        public = X25519PublicKey.from_public_bytes(from_base64(key["x"].encode()) or b"")
        counter = Counter(device_id, key["kid"], public, campaign)
        body = {
            "device_id": device_id,
            "campaign": campaign,
            "kind": "mpp",
            "place": "MPP Merdeka",
            "public_key": urlsafe_b64encode(counter.key.public_key().public_bytes_raw()).rstrip(b"=").decode(),
        }
        answer = await self.http.post("/v1/devices", json=body)
        assert answer.status_code == 201, answer.text
        return counter

    async def handle(self, *messages: Received[Any]) -> list[str]:
        """Hands a batch to the service's own handler, in a transaction; answers the reasons of the dead letters."""
        batch = Batch(list(messages))
        async with self.pool.acquire() as tx, tx.transaction():
            await self.intake(tx, batch)
        return [fault.reason for fault in batch.faults]

    async def decision(self, message: Received[Any], campaign: str = CAMPAIGN) -> tuple[str, str | None]:
        answer = await self.http.get(f"/v1/campaigns/{campaign}/submissions/{message.event.submission_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()["outcome"], answer.json().get("reason")

    async def person_id(self, message: Received[Any]) -> str:
        answer = await self.http.get(f"/v1/campaigns/{CAMPAIGN}/submissions/{message.event.submission_id}")
        return str(answer.json()["person_id"])

    async def person(self, message: Received[Any]) -> dict[str, Any]:
        answer = await self.http.get(f"/v1/campaigns/{CAMPAIGN}/recordings/{await self.person_id(message)}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def office(
        self, verb: str, message: Received[Any], *, known_at: datetime | None = None, **body: Any
    ) -> httpx.Response:
        """void, restore or reattribute the person of a submission."""
        body = {"reason": "asked by the office", **body}
        if known_at is not None:
            body["known_at"] = known_at.isoformat()
        person_id = await self.person_id(message)
        return await self.http.post(f"/v1/campaigns/{CAMPAIGN}/recordings/{person_id}/{verb}", json=body)

    async def published(self, *types: str) -> list[Any]:
        """What the outbox holds, in order, as events; all, or those whose type has one of these words."""
        rows = await self.pool.fetch("SELECT headers, value FROM exactly_once.outbox ORDER BY id")
        events = [BY_TYPE[json.loads(row["headers"])["ce_type"]].model_validate_json(row["value"]) for row in rows]
        return [event for event in events if not types or any(word in event.type for word in types)]

    async def history(self, message: Received[Any]) -> list[tuple[int, str, bool, str]]:
        """A person's published revisions: number, cause, whether they count, and the day."""
        person_id = await self.person_id(message)
        return [
            (event.revision, event.cause, event.counts, event.recorded_on.isoformat())
            for event in await self.published("recording-")
            if event.person_id == person_id
        ]


@asynccontextmanager
async def entered(app: App, settings: Settings) -> AsyncIterator[World]:
    """The service with its pool open; consumer and relay are not run."""
    vouch(app)
    owner = await asyncpg.connect(settings.owner_dsn)
    transport = httpx.ASGITransport(app=app.http, raise_app_exceptions=True)
    try:
        async with app, httpx.AsyncClient(transport=transport, base_url="http://enrollment") as http:
            yield World(app, http, settings, owner)
    finally:
        await owner.close()
