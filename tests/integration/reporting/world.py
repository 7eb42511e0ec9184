"""What the tests tell reporting: events of a campaign, as enrollment and scheduling would publish them."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from aiokafka import ConsumerRecord

from contracts.decisions import SubmissionDecided
from contracts.envelope import Event, encode
from contracts.progress import ProgressMade
from contracts.recordings import RecordingCompleted
from contracts.schools import CampaignOpened, SchoolListed
from contracts.targets import FigureStated, TargetUpdated
from contracts.topics import CATALOGUE, TOPIC_OF
from contracts.visits import VisitScheduled
from exactly_once import Batch, Connection, Pool, Received
from reporting.consume import subscriptions

CAMPAIGN: Final = "malang-2024"
START: Final = datetime(2024, 10, 1, 1, tzinfo=UTC)  # 08:00 in Malang
OWNERS: Final = {topic.name: topic.owner for topic in CATALOGUE}
told = itertools.count(1)  # the offsets of `progress`
HANDLERS: Final = {found.topic: found.handler for found in subscriptions()}


def at(day: int, hour: int = 8, minute: int = 0) -> datetime:
    """An instant of October 2024 in Malang."""
    return datetime(2024, 10, day, hour, minute, tzinfo=UTC) - timedelta(hours=7)


def person(number: int) -> str:
    return str(UUID(int=number, version=5))


def recording(number: int, revision: int = 1, *, day: int = 1, known: datetime | None = None, **changes: Any) -> Any:
    """Person `number`, recorded on a day of October 2024 at school 1, known in the evening of that day."""
    return RecordingCompleted.model_validate(
        {
            "campaign": CAMPAIGN,
            "person_id": person(number),
            "revision": revision,
            "known_at": known or at(day, 18),
            "counts": True,
            "cause": "recorded",
            "group": group(1),
            "domicile_regency": "35.73",
            "kind": "school_visit",
            "recorded_at": at(day, 9),
            "recorded_on": date(2024, 10, day),
            "received_at": at(day, 17),
            **changes,
        }
    )


def group(number: int) -> str:
    return f"npsn:2059990{number}"


def opened(**changes: Any) -> CampaignOpened:
    return CampaignOpened.model_validate(
        {
            "campaign": CAMPAIGN,
            "revision": 1,
            "known_at": START,
            "name": "Pilkada Kota Malang 2024",
            "region_code": "35.73",
            "zone": "Asia/Jakarta",
            "opens_on": "2024-09-19",
            "voting_day": "2024-11-27",
            "clock": "replay",
            **changes,
        }
    )


def school(number: int, **changes: Any) -> SchoolListed:
    return SchoolListed.model_validate(
        {
            "campaign": CAMPAIGN,
            "revision": 1,
            "known_at": START,
            "npsn": group(number).removeprefix("npsn:"),
            "name": f"SMAN Contoh {number}",
            "school_kind": "SMA",
            "ownership": "public",
            "kecamatan": "Klojen",
            "invented": True,
            **changes,
        }
    )


def target(scope: str, value: int, revision: int = 1, **changes: Any) -> TargetUpdated:
    return TargetUpdated.model_validate(
        {
            "campaign": CAMPAIGN,
            "revision": revision,
            "known_at": START + timedelta(minutes=revision),
            "scope": scope,
            "value": value,
            "effective_from": "2024-10-01",
            "split": "stated",
            "reason": "keputusan dinas",
            **changes,
        }
    )


def statement(number: int, value: int, **changes: Any) -> FigureStated:
    return FigureStated.model_validate(
        {
            "campaign": CAMPAIGN,
            "revision": 1,
            "known_at": START,
            "statement_id": person(number),
            "scope": "campaign",
            "population": "pemilih pemula",
            "measure": "expected",
            "value": value,
            "as_of": "2024-10-01",
            "stated_on": "2024-10-01",
            "stated_by": "Dispendukcapil",
            "source": "siaran pers",
            **changes,
        }
    )


def visit(number: int, revision: int = 1, *, day: int = 5, **changes: Any) -> VisitScheduled:
    return VisitScheduled.model_validate(
        {
            "campaign": CAMPAIGN,
            "revision": revision,
            "known_at": START,
            "visit_id": person(number),
            "kind": "school_visit",
            "groups": [group(1)],
            "place": "Aula SMAN Contoh 1",
            "day": date(2024, 10, day),
            "starts_at": at(day, 8),
            "ends_at": at(day, 14),
            "sets": ["set-1", "set-2"],
            "status": "scheduled",
            **changes,
        }
    )


def decided(number: int, outcome: str, revision: int = 1, **changes: Any) -> SubmissionDecided:
    return SubmissionDecided.model_validate(
        {
            "campaign": CAMPAIGN,
            "revision": revision,
            "known_at": START + timedelta(minutes=revision),
            "submission_id": person(number),
            "device_id": "loket-1",
            "device_seq": number + 1,
            "outcome": outcome,
            **changes,
        }
    )


def received(event: Event | ProgressMade, offset: int = 0) -> Received[Any]:
    """The record that carries it; a mark is told by the owner of its topic, behind all others, when it is true."""
    source, timestamp = "test", 0
    if isinstance(event, ProgressMade):
        offset, source = next(told), OWNERS.get(event.topic, "test")
        timestamp = int(event.through.timestamp() * 1000) + 1
    message = encode(event, source)  # type: ignore[arg-type]
    record = ConsumerRecord(
        topic=TOPIC_OF[type(event)].name, partition=0, offset=offset, timestamp=timestamp, timestamp_type=1,
        key=message.key, value=message.value, checksum=None, serialized_key_size=0, serialized_value_size=0,
        headers=message.headers,
    )  # fmt: skip
    return Received(event, record)


async def apply(tx: Connection, *events: Event | ProgressMade) -> list[str]:
    """Hands the events to reporting's handlers, a batch for each topic; answers why any was rejected."""
    batches: dict[Any, Batch[Any]] = {}
    for offset, event in enumerate(events):
        batch = batches.setdefault(TOPIC_OF[type(event)], Batch([]))
        batch.received.append(received(event, offset))
    for topic, batch in batches.items():
        await HANDLERS[topic](tx, batch)
    return [fault.reason for batch in batches.values() for fault in batch.faults]


async def hear(pool: Pool, *events: Event | ProgressMade) -> list[str]:
    """The same in a transaction of its own."""
    async with pool.acquire() as tx, tx.transaction():
        return await apply(tx, *events)
