"""Every golden example through every consumer's real code: the service's own worker, a real Kafka and PostgreSQL."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.generate import HOME
from contracts.topics import CATALOGUE
from enrollment.identity import store as sealing_keys
from enrollment.identity.vault import Vault
from exactly_once import OwnTopics, Verdict
from exactly_once.own_topics import WRITER_HEADER
from tests.contract.keys import private_key
from tests.contract.services import SERVICES, Service, service
from tests.servers import Servers

Example = dict[str, Any]


def examples() -> dict[str, Example]:
    return {path.stem: json.loads(path.read_text()) for path in sorted((HOME / "examples").glob("*.json"))}


async def send(bootstrap_servers: str, topic_prefix: str, records: Iterable[Example]) -> dict[str, int]:
    """Sends records as the files have them; answers how many each topic of the catalogue holds now."""
    count = Counter({topic.name: 0 for topic in CATALOGUE})
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all") as producer:
        for record in records:
            await producer.send_and_wait(
                topic_prefix + record["topic"],
                json.dumps(record["value"], separators=(",", ":"), ensure_ascii=False).encode(),
                key=record["key"].encode(),
                headers=[(name, content.encode()) for name, content in record["headers"].items()],
            )
            count[record["topic"]] += 1
    return dict(count)


async def prepare_enrollment(enrollment: Service) -> None:
    """What the office did before counters could send: campaigns opened, devices registered, and the throw-away key."""
    found = examples().values()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(enrollment.app.http), base_url="http://test") as http:
        for record in found:
            if record["headers"]["ce_type"] == "jemputbola.campaign-opened.v1":
                value = {name: held for name, held in record["value"].items() if name not in ("revision", "campaign")}
                if value["clock"] == "live":
                    del value["known_at"]
                answer = await http.put(f"/v1/campaigns/{record['value']['campaign']}", json=value)
                assert answer.is_success, answer.text
        for record in found:
            if record["topic"] == "recording-submissions":
                value = {name: record["value"][name] for name in ("device_id", "campaign", "kind", "place")}
                public = Ed25519PrivateKey.from_private_bytes(private_key(value["device_id"])).public_key()
                value["public_key"] = urlsafe_b64encode(public.public_bytes_raw()).rstrip(b"=").decode()
                answer = await http.post("/v1/devices", json=value)
                assert answer.is_success, answer.text
    private = X25519PrivateKey.from_private_bytes(private_key("enrollment"))
    sealed = Vault(enrollment.settings.master_key_bytes).seal(private.private_bytes_raw(), "sealing-key/contoh-2024")
    await sealing_keys.add_sealing_key(enrollment.pool, "contoh-2024", private.public_key().public_bytes_raw(), sealed)


async def outcomes(enrollment: Service) -> set[str]:
    """What became of the submissions among the examples, by HTTP."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(enrollment.app.http), base_url="http://test") as http:
        found = set()
        for record in examples().values():
            if "sealed" in record["value"]:
                value = record["value"]
                answer = await http.get(f"/v1/campaigns/{value['campaign']}/submissions/{value['submission_id']}")
                found.add(answer.json()["outcome"])
        return found


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_takes_every_example_of_the_topics_it_is_said_to_read(
    name: str, stack: Servers, topic_prefix: str
) -> None:
    owned = {topic.name for topic in CATALOGUE if topic.owner == name}
    others = [record for record in examples().values() if record["topic"] not in owned]
    sent = await send(stack.bootstrap_servers, topic_prefix, others)
    with stack.postgres.fresh_database(name) as database:
        async with service(name, database, stack.bootstrap_servers, topic_prefix) as running:
            if name == "enrollment":
                await prepare_enrollment(running)

            applied = await running.consume(sent)

            assert await running.dead_letters() == []
            assert applied.keys() == {topic.name for topic in CATALOGUE if name in topic.readers}
            assert all(applied.values())
            if name == "enrollment":
                assert await outcomes(running) == {"counted"}


def own_topics(running: Service) -> OwnTopics:
    return next(part for part in running.app.components["api"] if isinstance(part, OwnTopics))


@pytest.mark.parametrize("name", ["enrollment", "scheduling"])
async def test_a_service_does_not_begin_when_its_own_topics_know_more_than_its_database(
    name: str, stack: Servers, topic_prefix: str
) -> None:
    """Each of its examples, of every type it writes, is a revision that an empty database does not have."""
    owned = [topic for topic in CATALOGUE if topic.owner == name]
    told = [record for record in examples().values() if record["topic"] in {topic.name for topic in owned}]
    assert {record["headers"]["ce_type"] for record in told} == {kind for topic in owned for kind in topic.by_type}
    with stack.postgres.fresh_database(name) as database:
        async with service(name, database, stack.bootstrap_servers, topic_prefix) as running:
            own = own_topics(running)
            async with running.pool.acquire() as tx:
                await own.compare(tx)
            written = [{**record, "headers": {**record["headers"], WRITER_HEADER: "before"}} for record in told]
            await send(stack.bootstrap_servers, topic_prefix, written)
            async with running.pool.acquire() as tx:
                with pytest.raises(Verdict, match="restored from a backup"):
                    await own.compare(tx)
                assert await tx.fetchval("SELECT count(*) FROM exactly_once.unknown_record") == len(told)


@pytest.mark.parametrize(
    ("name", "path"), [("enrollment", f"recordings/{UUID(int=1)}/void"), ("scheduling", f"visits/{UUID(int=1)}/cancel")]
)
async def test_no_command_is_taken_before_the_own_topics_are_compared(
    name: str, path: str, stack: Servers, topic_prefix: str
) -> None:
    with stack.postgres.fresh_database(name) as database:
        async with service(name, database, stack.bootstrap_servers, topic_prefix) as running:
            own = own_topics(running)
            own.invalidate()
            transport = httpx.ASGITransport(running.app.http)
            async with httpx.AsyncClient(transport=transport, base_url="http://service/v1/campaigns/nowhere/") as http:
                assert (await http.post(path, json={"reason": "a test"})).status_code == 503
                comparing = asyncio.create_task(own.run())
                await own.wait()
                assert (await http.post(path, json={"reason": "a test"})).status_code == 404
                comparing.cancel()
                await asyncio.wait([comparing])


async def test_what_a_service_cannot_take_would_be_seen(stack: Servers, topic_prefix: str) -> None:
    """The test above can fail: on a wrong field, an unknown type, a zone that there is not."""
    opened = examples()["jemputbola.campaign-opened.v1"]
    wrong_field = {**opened, "value": {**opened["value"], "voting_day": "soon"}}
    unknown_type = {**opened, "headers": {**opened["headers"], "ce_type": "jemputbola.campaign-closed.v1"}}
    no_zone = {**opened, "value": {**opened["value"], "zone": "Mars/Tharsis"}}
    sent = await send(stack.bootstrap_servers, topic_prefix, [wrong_field, unknown_type, no_zone, opened])
    with stack.postgres.fresh_database("scheduling") as database:
        async with service("scheduling", database, stack.bootstrap_servers, topic_prefix) as running:
            await running.consume(sent)
            reasons = [letter.reason for letter in await running.dead_letters()]
    assert reasons == ["wrong_field", "unknown_type", "wrong_field"]


def test_every_reader_and_owner_of_the_catalogue_is_a_service_or_said_to_be_none() -> None:
    assert {reader for topic in CATALOGUE for reader in topic.readers} == set(SERVICES)
    assert {topic.owner for topic in CATALOGUE} <= {*SERVICES, "counter", "every relay"}
    assert {path.name for path in (Path(__file__).parents[2] / "services").iterdir() if path.is_dir()} == set(SERVICES)
    assert {record["topic"] for record in examples().values()} == {topic.name for topic in CATALOGUE}
