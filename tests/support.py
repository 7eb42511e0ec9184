"""Small things that many tests need: settings for the broker of this run, and waiting for a condition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from cryptography.fernet import Fernet

from chassis.run import App
from exactly_once import KafkaSettings, OwnTopics


def kafka_settings(bootstrap_servers: str, topic_prefix: str = "", **changes: object) -> KafkaSettings:
    return KafkaSettings.model_validate(
        {
            "kafka_bootstrap_servers": bootstrap_servers,
            "topic_prefix": topic_prefix,
            "dead_letter_key": Fernet.generate_key().decode(),
            "guard_interval": 1,
            "relay_poll": 0.1,
            "progress_interval": 0.2,
            **changes,
        }
    )


async def until(condition: Callable[[], Any], within: float = 30.0) -> Any:
    """Waits until the condition (a coroutine function) answers something true."""
    async with asyncio.timeout(within):
        while not (answer := await condition()):
            await asyncio.sleep(0.02)
        return answer


def vouch(app: App) -> App:
    """As if the service had compared its own topics: for tests of its HTTP alone, which run none of its components."""
    for part in app.components["api"]:
        if isinstance(part, OwnTopics):
            part._known.set()
    return app
