"""A backlog for reporting: 500,000 events over 100,000 persons in 500 schools, and what must come of it."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

from contracts.envelope import Event, encode
from contracts.recordings import Recording, RecordingCompleted, RecordingReattributed, RecordingVoided
from contracts.schools import CampaignOpened, SchoolListed
from contracts.topics import CATALOGUE, TOPIC_OF

CAMPAIGN = "bench"
PERSONS = 100_000
REVISIONS = 5
SCHOOLS = 500
BEGIN = datetime(2024, 9, 19, 1, tzinfo=UTC)


def setting(schools: int = SCHOOLS) -> list[Event]:
    """The campaign and its schools."""
    campaign = CampaignOpened(
        campaign=CAMPAIGN,
        revision=1,
        known_at=BEGIN,
        name="Bench",
        region_code="35.73",
        zone="Asia/Jakarta",
        opens_on=date(2024, 9, 1),
        voting_day=date(2024, 11, 27),
        clock="replay",
    )
    return [
        campaign,
        *(
            SchoolListed(
                campaign=CAMPAIGN,
                revision=1,
                known_at=BEGIN,
                npsn=f"{20_000_000 + number}",
                name=f"SMA {number}",
                school_kind="SMA",
                ownership="public",
                kecamatan="Klojen",
                invented=True,
            )
            for number in range(schools)
        ),
    ]


def recordings(seed: int = 1) -> Iterator[Recording]:
    """Each person's five revisions, shuffled within a window, so that a good part comes out of order."""
    dice = random.Random(seed)
    waiting: list[tuple[int, int]] = [
        (person, revision) for revision in range(1, REVISIONS + 1) for person in range(PERSONS)
    ]
    window = 20_000
    for start in range(0, len(waiting), window):
        part = waiting[start : start + window]
        dice.shuffle(part)
        for person, revision in part:
            yield revision_of(person, revision)


def revision_of(person: int, revision: int, schools: int = SCHOOLS) -> Recording:
    """One revision, always the same."""
    dice = random.Random(person * 10 + revision)
    recorded_at = BEGIN + timedelta(days=dice.randrange(60), seconds=dice.randrange(20_000))
    kind: type[Recording] = RecordingCompleted
    counts = True
    if revision > 1 and dice.random() < 0.2:
        kind, counts = RecordingVoided, False
    elif revision > 1 and dice.random() < 0.3:
        kind = RecordingReattributed
    return kind(
        campaign=CAMPAIGN,
        person_id=str(UUID(int=(person * 2654435761) % 2**122, version=4)),
        revision=revision,
        known_at=recorded_at + timedelta(hours=revision),
        counts=counts,
        cause="recorded" if counts else "voided",
        group=f"npsn:{20_000_000 + dice.randrange(schools)}",
        domicile_regency="35.73" if dice.random() < 0.9 else "35.79",
        kind=dice.choice(["mpp", "office", "school_visit"]),
        recorded_at=recorded_at,
        recorded_on=(recorded_at + timedelta(hours=7)).date(),
        received_at=recorded_at + timedelta(minutes=1),
    )


def truth() -> Counter[tuple[str, date]]:
    """How many count at each school on each day: the last revision of everybody."""
    last = (revision_of(person, REVISIONS) for person in range(PERSONS))
    return Counter((event.group, event.recorded_on) for event in last if event.counts)


async def produce(bootstrap_servers: str, events: Iterable[Event], say: str = "") -> int:
    """Writes events as the relay does: by partition, in record batches. Returns how many."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", max_batch_size=256 * 1024)
    await producer.start()
    partition_of = DefaultPartitioner()
    partitions = {topic: sorted(await producer.partitions_for(topic)) for topic in {topic.name for topic in CATALOGUE}}
    filling: dict[tuple[str, int], BatchBuilder] = {}
    count = 0
    try:
        for event in events:
            topic = TOPIC_OF[type(event)].name
            message = encode(event, "bench")
            place = (topic, partition_of(message.key, partitions[topic], partitions[topic]))
            record = {"key": message.key, "value": message.value, "timestamp": None, "headers": message.headers}
            if place not in filling or filling[place].append(**record) is None:
                if place in filling:
                    await producer.send_batch(filling[place], topic, partition=place[1])
                filling[place] = producer.create_batch()
                filling[place].append(**record)
            count += 1
            if say and count % 100_000 == 0:
                print(f"  {say}: {count:,}", flush=True)
        for (topic, partition), batch in filling.items():
            await producer.send_batch(batch, topic, partition=partition)
        await producer.flush()
    finally:
        await producer.stop()
    return count
