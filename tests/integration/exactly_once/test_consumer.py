"""One batch, one transaction: what is on the topic is applied exactly once."""

import asyncpg

from exactly_once import KafkaSettings
from tests.ledger import consuming, ledger_consumer, recording, send
from tests.support import until


async def test_every_record_is_applied_once(settings: KafkaSettings, pool: asyncpg.Pool) -> None:
    await send(settings, [recording(number) for number in range(1000)])
    async with consuming(ledger_consumer(settings, pool)):
        await until(lambda: pool.fetchval("SELECT n >= 1000 FROM total"))
    assert await pool.fetchval("SELECT n FROM total") == 1000
    assert await pool.fetchval("SELECT count(*) FROM ledger WHERE applied <> 1") == 0
    assert await pool.fetchval("SELECT sum(next_offset) FROM exactly_once.position") == 1000
