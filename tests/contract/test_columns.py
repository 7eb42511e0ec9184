"""A table grows under running services, as a release does: the workers of before and those of after work side by side.

Columns are added while a worker runs that knows nothing of them, one of them required with a default; a second worker
joins; then they are taken away again. Everything that is sent meanwhile is applied, and nothing is set aside.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.submissions import sealing_info
from contracts.topics import CATALOGUE
from stack.postgres import Database
from tests.contract.keys import private_key
from tests.contract.services import SERVICES, Service, service
from tests.contract.test_examples import Example, examples, prepare_enrollment, send
from tests.servers import Servers
from tests.support import until

SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
TABLES = """
    SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname IN ($1, 'exactly_once', 'chassis') AND tablename <> 'schema_migration'
"""


def again(record: Example, number: int) -> Example:
    """The record of an example as its owner or device sends the next one of its kind."""
    value = dict(record["value"])
    if "revision" in value:
        return {**record, "value": {**value, "revision": value["revision"] + 1000 * number}}
    if "device_id" not in value:
        return record
    value["device_seq"] += 100 * number
    born = "session_id" if "sealed" not in value else "submission_id"
    value[born] = str(UUID(int=UUID(value[born]).int + number))
    if "sealed" in value:
        info = sealing_info(value["campaign"], value["submission_id"], value["device_id"])
        identity = json.dumps({"nik": f"357399010107{number:04}", "birth_date": "2007-01-01"}).encode()
        key = X25519PrivateKey.from_private_bytes(private_key("enrollment")).public_key()
        value["sealed"] = urlsafe_b64encode(SUITE.encrypt(identity, key, info)).rstrip(b"=").decode()
    content = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    signature = Ed25519PrivateKey.from_private_bytes(private_key(value["device_id"])).sign(content)
    headers = {**record["headers"], "jb-signature": urlsafe_b64encode(signature).rstrip(b"=").decode()}
    return {**record, "value": value, "headers": headers}


@contextlib.asynccontextmanager
async def working(built: Service) -> AsyncIterator[None]:
    """Its worker, until the block ends."""
    tasks = [asyncio.create_task(component.run()) for component in built.app.of(["worker"])]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def command(built: Service, number: int) -> None:
    """Something is decided over HTTP as well, by those who take commands."""
    campaigns = [
        record["value"] for record in examples().values()
        if record["headers"]["ce_type"] == "jemputbola.campaign-opened.v1" and record["value"]["clock"] == "live"
    ]  # fmt: skip
    if built.name == "reporting" or not campaigns:
        return
    base = f"http://test/v1/campaigns/{campaigns[0]['campaign']}"
    school = {"name": f"SMA Contoh {number}", "school_kind": "SMA", "ownership": "public", "kecamatan": "Klojen"}
    path, body = "/schools/20599977", school
    if built.name == "scheduling":
        path, body = f"/sets/set-{number}", {"name": "Alat"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(built.app.http)) as http:
        answer = await http.put(base + path, json=body)
    assert answer.status_code != 500, answer.text


async def alter(owner: asyncpg.Connection[Any], schema: str, change: str) -> None:
    for row in await owner.fetch(TABLES, schema):
        await owner.execute(f"ALTER TABLE {row['name']} {change}")


@pytest.mark.parametrize("name", SERVICES)
async def test_columns_come_and_go_under_workers_old_and_new(name: str, stack: Servers, topic_prefix: str) -> None:
    read = [record for record in examples().values() if record["topic"] in
            {topic.name for topic in CATALOGUE if name in topic.readers}]  # fmt: skip
    sent: Counter[str] = Counter({topic.name: 0 for topic in CATALOGUE})

    async def another_round(number: int) -> None:
        sent.update(await send(stack.bootstrap_servers, topic_prefix, [again(record, number) for record in read]))

    with stack.postgres.fresh_database(name) as database:
        async with service(name, database, stack.bootstrap_servers, topic_prefix) as old:
            await old.pool.fetchval("SELECT 1")
            if name == "enrollment":
                await prepare_enrollment(old)

            async def all_applied() -> bool:
                applied = await old.applied()
                return bool(applied) and all(applied[topic] == sent[topic] for topic in applied)

            owner = await asyncpg.connect(database.owner_url)
            try:
                async with working(old):
                    await another_round(1)
                    await until(all_applied)
                    await command(old, 1)
                    await alter(owner, name, "ADD COLUMN later text, ADD COLUMN needed int NOT NULL DEFAULT 7")
                    await another_round(2)
                    await until(all_applied)
                    await command(old, 2)
                    new_database = Database(database.name, database.url, database.owner_url)
                    async with service(name, new_database, stack.bootstrap_servers, topic_prefix) as new, working(new):
                        await another_round(3)
                        await until(all_applied)
                        await command(new, 3)
                        await alter(owner, name, "DROP COLUMN later, DROP COLUMN needed")
                        await another_round(4)
                        await until(all_applied)
            finally:
                await owner.close()
            letters = [(letter.topic, letter.reason, letter.detail) for letter in await old.dead_letters()]
            assert letters == []
