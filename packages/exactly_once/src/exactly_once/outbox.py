"""Publishing as part of a transaction: the event is a row first, and the relay sends it."""

import json
from collections.abc import Sequence
from typing import Final

from contracts.envelope import Event, Message, encode
from contracts.topics import TOPIC_OF
from exactly_once.records import Connection
from exactly_once.slices import slices

CHANNEL: Final = "exactly_once_outbox"


async def publish(tx: Connection, events: Sequence[Event]) -> list[Message]:
    """Writes the events into the outbox, in this order, within the caller's transaction. Returns what will be sent.

    They reach their topics after the commit, each at least once, those of one aggregate in the order of their commits.
    """
    topics = [TOPIC_OF[type(event)] for event in events]
    messages = [encode(event, TOPIC_OF[type(event)].owner) async for part in slices(events) for event in part]
    if messages:
        await tx.execute(
            """
            INSERT INTO exactly_once.outbox (topic, key, value, headers)
            SELECT topic, key, value, headers
              FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::text[])
                   WITH ORDINALITY AS message (topic, key, value, headers, ord)
             ORDER BY ord
            """,
            [topic.name for topic in topics],
            [message.key for message in messages],
            [message.value for message in messages],
            [json.dumps({name: value.decode() for name, value in message.headers}) for message in messages],
        )
        await tx.execute(f"NOTIFY {CHANNEL}")
    return messages
