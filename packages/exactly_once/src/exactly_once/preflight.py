"""Before a service starts: is the broker there, does it let us in, are the topics as the catalogue says?"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from aiokafka.errors import KafkaError

from contracts.topics import Topic
from exactly_once.errors import Misconfigured
from exactly_once.provision import differences
from exactly_once.settings import KafkaSettings

RETRY_AFTER: Final = 0.5


class _LastWords(logging.Handler):
    """Keeps the last warning of the client: its exceptions do not tell a wrong password from a missing broker."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()


async def preflight(settings: KafkaSettings, topics: Sequence[Topic]) -> None:
    """Returns once all is well. Raises Misconfigured, with what is wrong in one line, when the deadline is over."""
    heard = _LastWords()
    client_log = logging.getLogger("aiokafka")
    client_log.addHandler(heard)
    wrong = "no answer"
    try:
        async with asyncio.timeout(settings.tuning.preflight_deadline):
            while True:
                try:
                    lines = await differences(settings, topics)
                    if not lines:
                        return
                    wrong = "; ".join(lines) + " (run the verb provision)"
                except (OSError, KafkaError) as error:
                    wrong = f"{type(error).__name__}: {heard.text or error}"
                await asyncio.sleep(RETRY_AFTER)
    except TimeoutError:
        raise Misconfigured(f"Kafka at {settings.kafka_bootstrap_servers}: {wrong}") from None
    finally:
        client_log.removeHandler(heard)
