"""Small things that many tests need: settings for the broker of this run, and waiting for a condition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from cryptography.fernet import Fernet
from pydantic import SecretStr

from chassis.run import App
from exactly_once import KafkaSettings, OwnTopics
from exactly_once.settings import Tuning

S = TypeVar("S", bound=KafkaSettings)
IMPATIENT = Tuning(guard_interval=1, relay_poll=0.1, progress_interval=0.2)


def kafka_settings(bootstrap_servers: str, topic_prefix: str = "", **changes: Any) -> KafkaSettings:
    """As impatient as a test is; `changes` of the tuning."""
    return KafkaSettings(
        kafka_bootstrap_servers=bootstrap_servers,
        topic_prefix=topic_prefix,
        dead_letter_key=SecretStr(Fernet.generate_key().decode()),
        tuning=replace(IMPATIENT, **changes),
    )


def tuned(settings: S, **changes: Any) -> S:
    """The same settings with another tuning."""
    return settings.model_copy(update={"tuning": replace(settings.tuning, **changes)})


def given(settings: S) -> type[S]:
    """A class of settings that reads these ones, from nowhere: for who is told the class."""

    class Given(type(settings)):  # type: ignore[misc]
        def __new__(cls, **_read: Any) -> Any:
            return settings

    return Given


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
            part._verified.set()
    return app
